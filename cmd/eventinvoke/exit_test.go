package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
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
		{"all was written and the record was not: not the code of nothing changed", withLate(exitOK, disk), exitPartial, true},
		{"what a run ended with outlives a report that was lost", withLate(exitInterrupted, disk), exitInterrupted, true},
		{"another run holds the lease", fmt.Errorf("apply: %w", held), exitHeld, true},
		{"the --timeout passed while it waited for a lease: the lease is the reason", fmt.Errorf("%w: %w", reconcile.ErrTimeUp, held), exitHeld, true},
		{"an interrupt while it waited for a lease: who stopped it knows why", fmt.Errorf("%w: %w", interrupt{os.Interrupt}, held), exitInterrupted, true},
		{"the --timeout passed before there was a plan", reconcile.ErrTimeUp, exitPartial, true},
	} {
		if code, show := codeOf(row.err); code != row.code || show != row.show {
			t.Errorf("%s: %d, shown %v; want %d, %v", row.why, code, show, row.code, row.show)
		}
	}
}

// However errors are joined on their way, each is told once, on lines of its own, with what to
// do next below it.
func TestErrorText(t *testing.T) {
	disk, lease := errors.New("no space left on device"), errors.New("the lease stays")
	call := &callerr.Error{Op: "PutObject", Subject: "s3://bucket/key", Message: "no", Hint: "allow it"}
	const told = "PutObject s3://bucket/key: no\nnext: allow it"
	for _, row := range []struct {
		why  string
		err  error
		want string
	}{
		{"one", disk, "no space left on device"},
		{"with what to do next", call, told},
		{"of a run", multierror.Append(nil, disk, call), "no space left on device\n" + told},
		{"of a run, of which one alone", multierror.Append(nil, disk), "no space left on device"},
		{"of a run, joined with another", errors.Join(call, multierror.Append(nil, disk)), told + "\nno space left on device"},
		{"with the exit code", withLate(exitOK, errors.Join(multierror.Append(nil, lease, errors.Join(disk, call)))), "the lease stays\nno space left on device\n" + told},
		{"the same twice", errors.Join(disk, multierror.Append(nil, disk)), "no space left on device"},
		{"in words of their own, which stay", fmt.Errorf("the record of run r is not complete: %w", errors.Join(disk, lease)), "the record of run r is not complete: no space left on device\nthe lease stays"},
		{"two in one sentence", fmt.Errorf("%w, while %w", disk, call), "no space left on device, while " + told},
	} {
		if got := errorText(row.err); got != row.want {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
		}
	}
}

func TestBinaryTellsItsVersion(t *testing.T) {
	const revision = "5be6e5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6"
	for _, row := range []struct{ why, version, commit, info, want string }{
		{"a release: what the linker was told", "v1.2.3", "0123456789ab", "mod\tm\tv9.9.9\nbuild\tvcs.revision=" + revision, "v1.2.3 0123456789ab"},
		{"go install m@v1.2.3: no linker, no repository", "", "", "mod\tm\tv1.2.3\th1:sum=", "v1.2.3 "},
		{"go build in a clone", "", "", "mod\tm\tv0.0.0-20261125190000-5be6e5f0c1d2+dirty\nbuild\tvcs.revision=" + revision, "v0.0.0-20261125190000-5be6e5f0c1d2+dirty 5be6e5f0c1d2"},
		{"an older go command in a clone", "", "", "mod\tm\t(devel)\nbuild\tvcs.revision=" + revision, "devel 5be6e5f0c1d2"},
		{"a test", "", "", "", "devel "},
		{"no record at all", "", "", "none", "devel "},
	} {
		version, commit := identify(row.version, row.commit, func() (*debug.BuildInfo, bool) {
			info, err := debug.ParseBuildInfo(row.info + "\n")
			return info, err == nil
		})
		if got := version + " " + commit; got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
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
