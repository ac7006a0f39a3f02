package luavm

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// childGrace is how long a child process that nobody waits for may go on after
// its state was closed.
const childGrace = time.Second

// shell prepares a command with the standard streams of the script. A standard
// input that is no file is not shared.
func (lib *ioLibrary) shell(command string) *exec.Cmd {
	lib.stdout.flush()
	cmd := exec.Command("/bin/sh")
	cmd.Args = []string{"sh", "-c", cString(command)}
	if f, ok := lib.stdin.in.(*os.File); ok {
		cmd.Stdin = f
	}
	cmd.Stdout, cmd.Stderr = lib.stdout.out, lib.stderr.out
	return cmd
}

func (lib *ioLibrary) ioPopen(L *lua.LState) int {
	command := CheckString(L, 1)
	s, err := lib.startProcess(command, cString(OptString(L, 2, "r")))
	if err != nil {
		return pushFileFailure(L, err, command)
	}
	L.Push(lib.adopt(L, s))
	return 1
}

// startProcess is popen.
func (lib *ioLibrary) startProcess(command, mode string) (*stream, error) {
	reading := mode == "r" || mode == "re"
	if !reading && mode != "w" && mode != "we" {
		return nil, syscall.EINVAL
	}
	lib.reap()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := lib.shell(command)
	s := &stream{mode: bufferFull}
	mine, its := r, w
	if reading {
		s.in, cmd.Stdout = r, w
	} else {
		s.out, cmd.Stdin = w, r
		mine, its = w, r
	}
	err = cmd.Start()
	_ = its.Close() // the child has its own
	if err != nil {
		_ = mine.Close() // nothing was written
		return nil, err
	}
	s.shut = func() error { return lib.endProcess(mine, cmd) }
	return s, nil
}

// endProcess is pclose, which tells nothing of how the child ended.
func (lib *ioLibrary) endProcess(pipe io.Closer, cmd *exec.Cmd) error {
	err := pipe.Close()
	switch {
	case lib.exiting:
		// As in C, exit does not wait for children.
		return cmd.Process.Release()
	case lib.closing && !lib.vm.opts.Trusted:
		timer := time.AfterFunc(childGrace, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	_ = cmd.Wait() // 5.1 does not tell the exit status
	return err
}

// execute is system: the status of a command as wait returns it.
func (lib *ioLibrary) execute(L *lua.LState) int {
	if isNone(L, 1) {
		L.Push(lua.LNumber(1)) // there is a shell
		return 1
	}
	cmd := lib.shell(CheckString(L, 1))
	_ = cmd.Run() // its status says more
	code := -1
	if cmd.ProcessState != nil {
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
			code = int(status)
		}
	}
	L.Push(lua.LNumber(code))
	return 1
}
