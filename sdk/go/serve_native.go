//go:build !wasip1

package tripline

// Tests call Handle themselves.
func serve(plugin *Plugin) *Plugin {
	return plugin
}
