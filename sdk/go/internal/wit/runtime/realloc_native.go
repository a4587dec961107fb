//go:build !wasip1

package runtime

// Unpin does nothing: there is no host.
func Unpin() {}
