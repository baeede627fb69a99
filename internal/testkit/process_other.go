//go:build !linux

package testkit

import "os/exec"

// dieTogether: only Linux can do this; elsewhere the test's cleanup must.
func dieTogether(*exec.Cmd) {}
