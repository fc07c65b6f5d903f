package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// processName is "SPACE START": the space in which process ids mean something,
// and when the process started, because ids are used again.
func processName(pid int) string {
	space, start := processSpace(), processStart(pid)
	if space == "" || start == "" {
		return ""
	}
	return space + " " + start
}

// processSpace is this boot of this machine, with the namespaces that change
// what a process id and a start time mean: two containers of one machine both
// have a process 1.
func processSpace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ids, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	clock, err := os.Readlink("/proc/self/ns/time")
	if err != nil && !errors.Is(err, os.ErrNotExist) { // kernels before 5.6 have none
		return ""
	}
	return fmt.Sprintf("%s/%s/%s", bytes.TrimSpace(boot), ids, clock)
}

// processStart is the start of a process in clock ticks since boot, or "" when
// it cannot be read. The second field of the file is the program's name in
// brackets, which may hold spaces and brackets; the start is the 22nd.
func processStart(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const start = 22 - 3 // the fields after the name begin with the third
	if len(fields) <= start {
		return ""
	}
	return string(fields[start])
}

// processEnded asks the kernel, because /proc may hide the processes of other
// users. A process that is there under the same id, and whose start cannot be
// read, counts as alive.
func processEnded(pid int, name string) bool {
	space, start, ok := strings.Cut(name, " ")
	if !ok || pid <= 0 || space != processSpace() {
		return false
	}
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	now := processStart(pid)
	return now != "" && now != start
}
