package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/mattn/go-runewidth"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminal runs a verb at pseudo terminals of 60, 80 and 200 columns. No row that can break may be
// wider, and more room may take no more rows. What was written is then in the file "terminal".
func terminal(ts *testscript.TestScript, _ bool, args []string) {
	var all strings.Builder
	rows := 1 << 20
	for _, width := range []int{60, 80, 200} {
		cmd := exec.Command("eventinvoke", args...)
		cmd.Dir, cmd.Env = ts.Getenv("WORK"), scriptEnv(ts)
		out, err := atTerminal(cmd, width)
		ts.Check(err)
		all.WriteString(out)
		continued := false
		for row := range strings.Lines(out) {
			row = escapes.ReplaceAllString(strings.TrimRight(row, "\r\n"), "")
			if shown := runewidth.StringWidth(row); shown > width && breakable(strings.TrimLeft(row, " →>~+-!#")) && !continued && !aloneInRow.MatchString(row) {
				ts.Fatalf("%d of %d columns: %s", shown, width, row)
			}
			continued = strings.HasSuffix(row, `\`)
			if strings.Count(row, "`")%2 != 0 {
				ts.Fatalf("%d columns cut a command: %s", width, row)
			}
		}
		n := strings.Count(out, "\n")
		if n == 0 || n > rows {
			ts.Fatalf("%d columns take %d rows, and fewer columns %d:\n%s", width, n, rows, out)
		}
		rows = n
	}
	ts.Check(os.WriteFile(ts.MkAbs("terminal"), []byte(all.String()), 0o666))
}

// escapes take no room.
var escapes = regexp.MustCompile(`\x1b(\[[0-9]*[A-Z]|[78])`)

// aloneInRow is a command that has its row for itself, which is all that is copied.
var aloneInRow = regexp.MustCompile(`^(  |Undo it with: )eventinvoke `)

func scriptEnv(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"PATH", "HOME", "NO_COLOR", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED", "EVENTINVOKE_INSIGHTS"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// typing runs a verb at a pseudo terminal, types keys while its progress is drawn and no where it
// asks, and has what is on the screen at the end in the file "terminal".
func typing(ts *testscript.TestScript, _ bool, args []string) {
	keys, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	cmd := exec.Command("eventinvoke", args[1:]...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), scriptEnv(ts)
	out, err := atTerminal(cmd, 80, [2]string{"Read ", keys}, [2]string{"continue: ", "no\n"})
	ts.Check(err)
	s := &screen{width: 80, height: 50}
	s.print(out)
	ts.Check(os.WriteFile(ts.MkAbs("terminal"), []byte(strings.Join(s.left(), "\n")+"\n"), 0o666))
}

// atTerminal is what a command writes to a pseudo terminal, all of it. Of each pair, one after the
// other: once it has written the first, the second is typed.
func atTerminal(cmd *exec.Cmd, columns int, typed ...[2]string) (string, error) {
	here, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer here.Close()
	var locked, number int32
	size := [4]uint16{50, uint16(columns)}
	for request, argument := range map[uintptr]unsafe.Pointer{
		syscall.TIOCSPTLCK: unsafe.Pointer(&locked), syscall.TIOCGPTN: unsafe.Pointer(&number), syscall.TIOCSWINSZ: unsafe.Pointer(&size),
	} {
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, here.Fd(), request, uintptr(argument)); failed != 0 {
			return "", failed
		}
	}
	there, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	if cmd.Stdout, cmd.Stderr = there, there; len(typed) > 0 {
		cmd.Stdin, cmd.SysProcAttr = there, &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	err = cmd.Start()
	there.Close()
	if err != nil {
		return "", err
	}
	var out []byte
	buffer := make([]byte, 1<<12)
	for err == nil {
		var n int
		n, err = here.Read(buffer)
		if out = append(out, buffer[:n]...); len(typed) > 0 && bytes.Contains(out, []byte(typed[0][0])) {
			_, err = io.WriteString(here, typed[0][1])
			typed = typed[1:]
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // nobody has the other end any more
		err = nil
	}
	var exit *exec.ExitError
	if ended := cmd.Wait(); err == nil && !errors.As(ended, &exit) {
		err = ended
	}
	return string(out), err
}

func TestAtTerminal(t *testing.T) {
	out, err := atTerminal(exec.Command("sh", "-c", "stty size <&1"), 72)
	if err != nil || out != "50 72\r\n" {
		t.Errorf("%q, %v", out, err)
	}
}
