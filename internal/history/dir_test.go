//go:build unix

package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDirRepeatsATornAppend(t *testing.T) {
	rows := []struct {
		why, found string
		err        error
	}{
		{"nothing of it was written", "one\n", nil},
		{"a part of it was written", "one\ntw", nil},
		{"all of it was written", "one\ntwo\n", nil},
		{"somebody else wrote there", "one\nTW", ErrChanged},
		{"somebody else wrote more", "one\ntwo\nthree\n", ErrChanged},
		{"the file was cut", "on", ErrChanged},
	}
	for _, row := range rows {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "log.jsonl"), []byte(row.found), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openDir(t, root)
		if err := s.Append(t.Context(), "log.jsonl", 4, []byte("two\n")); !errors.Is(err, row.err) {
			t.Errorf("%s: %v, want %v", row.why, err, row.err)
		}
		want := "one\ntwo\n"
		if row.err != nil {
			want = row.found
		}
		if got, err := s.ReadLog(t.Context(), "log.jsonl"); err != nil || string(got) != want {
			t.Errorf("%s: the log is %q, %v, want %q", row.why, got, err, want)
		}
	}
}

func TestDirWaitsForItsLockAsLongAsItMay(t *testing.T) {
	root := t.TempDir()
	s := openDir(t, root)
	held, err := os.OpenFile(filepath.Join(root, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Write(ctx, "a.json", []byte("x"), ""); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), ".lock: another process holds it") {
		t.Errorf("Create under another's lock: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), "a.json", []byte("x"), ""); err != nil {
		t.Errorf("Create after the holder is gone: %v", err)
	}
}

// A process that is forked while the lock is held has the file open until it becomes another
// program. The lock is free all the same once its holder has let it go.
func TestAForkDoesNotKeepTheLock(t *testing.T) {
	root := t.TempDir()
	s := openDir(t, root)
	forked := -1
	if err := s.(*dir).locked(t.Context(), "a.json", func() error {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("finds its own open files in /proc: ", err)
		}
		for _, f := range files {
			if target, _ := os.Readlink("/proc/self/fd/" + f.Name()); target == filepath.Join(root, lockName) {
				number, _ := strconv.Atoi(f.Name())
				forked, err = syscall.Dup(number)
				return err
			}
		}
		return errors.New("the lock is no open file")
	}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(forked)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Write(ctx, "a.json", []byte("x"), ""); err != nil {
		t.Errorf("after the lock was let go: %v", err)
	}
}

func TestDirHidesWhatACrashLeft(t *testing.T) {
	root := t.TempDir()
	s := openDir(t, root)
	if _, err := s.Write(t.Context(), "runs/a.json", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "runs", ".a.json123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := s.List(t.Context(), ""); err != nil || fmt.Sprint(names) != "[runs/a.json]" {
		t.Errorf("List: %v, %v", names, err)
	}
	for _, row := range []struct {
		age  time.Duration
		left bool
	}{{time.Hour, true}, {25 * time.Hour, false}} {
		left := filepath.Join(root, "runs", ".a.json123")
		if err := os.Chtimes(left, time.Time{}, time.Now().Add(-row.age)); err != nil {
			t.Fatal(err)
		}
		if _, err := New(s).Prune(t.Context(), time.Now().AddDate(-1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); (err == nil) != row.left {
			t.Errorf("what a process left %s ago, after Prune: %v", row.age, err)
		}
	}
}

func TestDirOnAFileInItsWay(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "leases"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openDir(t, root).Write(t.Context(), "leases/1/r.json", []byte("x"), "")
	if err == nil || !strings.Contains(err.Error(), filepath.Join(root, "leases")) || !strings.Contains(err.Error(), "choose another folder with --history") {
		t.Errorf("Create: %v, want what is in the way and what to do", err)
	}
}
