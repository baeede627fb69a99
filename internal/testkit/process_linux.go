package testkit

import (
	"os/exec"
	"syscall"
)

// dieTogether has the kernel kill the server when the test process is gone,
// also where that panicked or was killed and no cleanup ran.
func dieTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
