// Package metrics has the plugin's own metrics, scraped as `tripline_custom_<name>`. What must be exact is a counter's business. It wants
// `grants = { metrics = true }`.
package metrics

import "github.com/tripline/tripline/sdk/go/internal/host"

// Labels are by name; at most 8.
type Labels map[string]string

// Count adds to a counter; its name is without `_total`.
func Count(name string, labels Labels, delta uint64) error {
	return host.Error(host.Count(name, host.Labels(labels), delta))
}

// SetGauge sets a gauge.
func SetGauge(name string, labels Labels, value float64) error {
	return host.Error(host.SetGauge(name, host.Labels(labels), value))
}

// Observe adds to a histogram: seconds, most of all.
func Observe(name string, labels Labels, value float64) error {
	return host.Error(host.Observe(name, host.Labels(labels), value))
}
