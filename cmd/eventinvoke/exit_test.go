package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/history"
)

func TestCodeOf(t *testing.T) {
	disk := errors.New("no space left on device")
	held := &history.HeldError{Subject: "111111111111/eu-west-1"}
	for _, row := range []struct {
		why  string
		err  error
		code int
		show bool
	}{
		{"all is well", nil, exitOK, false},
		{"a verdict has been told", exitCode(exitDifferences), exitDifferences, false},
		{"an error before anything was changed", disk, exitError, true},
		{"all was written and the record was not: not the code of nothing changed", endVerdict(exitOK, disk), exitPartial, true},
		{"what a run ended with outlives a report that was lost", endVerdict(exitInterrupted, disk), exitInterrupted, true},
		{"nothing went wrong at the end", endVerdict(exitStale, nil), exitStale, false},
		{"another run holds the lease", fmt.Errorf("apply: %w", held), exitHeld, true},
		{"the --timeout passed while it waited for a lease: the lease is the reason", fmt.Errorf("%w: %w", errTimeUp, held), exitHeld, true},
		{"an interrupt while it waited for a lease: who stopped it knows why", fmt.Errorf("%w: %w", interrupt{os.Interrupt}, held), exitInterrupted, true},
		{"the --timeout passed before there was a plan", errTimeUp, exitPartial, true},
	} {
		if code, show := codeOf(row.err); code != row.code || show != row.show {
			t.Errorf("%s: %d, shown %v; want %d, %v", row.why, code, show, row.code, row.show)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"/var/lib/eventinvoke": "/var/lib/eventinvoke", "s3://bucket/team-1": "s3://bucket/team-1",
		"": "''", "two words": "'two words'", "it's": `'it'\''s'`, "a;b": "'a;b'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q is %s, want %s", word, got, want)
		}
	}
}

// signalSelf sends this process a signal as another process would. It does not
// use syscall.Kill, which does not exist on Windows: there every such test is
// skipped before it comes here, and must still compile.
func signalSelf(t *testing.T, signal os.Signal) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(signal)
	}
	if err != nil {
		t.Error(err)
	}
}
