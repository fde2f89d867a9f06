//go:build !linux

package password

// lowerPriority does nothing where priorities are those of processes.
func lowerPriority() {}
