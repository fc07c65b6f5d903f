package watch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

// tree is a directory that a test changes.
type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) tree { return tree{t, t.TempDir()} }

func (f tree) path(name string) string { return filepath.Join(f.dir, name) }

func (f tree) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// write makes a file; a digit stands for a fleet with that setting.
func (f tree) write(name, content string) {
	f.t.Helper()
	if len(content) == 1 && !strings.HasSuffix(name, ".md") {
		content = "version: 1\nfunctions: [{name: orders, maximum_retry_attempts: " + content + "}]\n"
	}
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(content), 0o644))
}

// replace puts a file in the place of another, as editors and git do.
func (f tree) replace(name, content string) {
	f.t.Helper()
	f.write(name+".new", content)
	f.must(os.Rename(f.path(name+".new"), f.path(name)))
}

// mount lays out a ConfigMap as the kubelet does, in a new version.
func (f tree) mount(version, content string) {
	f.t.Helper()
	f.write("..v"+version+"/fleet.yaml", content)
	f.must(os.Symlink("..v"+version, f.path("..data_tmp")))
	f.must(os.Rename(f.path("..data_tmp"), f.path("..data")))
	if version == "1" {
		f.must(os.Symlink("..data/fleet.yaml", f.path("fleet.yaml")))
	}
}

var changes = []struct {
	why     string
	path    string // below the tree
	before  func(tree)
	after   func(tree)
	changed bool
}{
	{why: "a file is written", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("a.yaml", "2") }, changed: true},
	{why: "a file is replaced", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.replace("a.yaml", "2") }, changed: true},
	{why: "a file is written with what it held", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("a.yaml", "1") }},
	{why: "another file of the directory is written", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("b.yaml", "1") }},
	{why: "a file goes away", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.must(os.Remove(f.path("a.yaml"))) }, changed: true},
	{why: "a file comes", path: "a.yaml", before: func(tree) {}, after: func(f tree) { f.write("a.yaml", "1") }, changed: true},
	{why: "a file comes into a directory", path: ".", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("b.yml", "1") }, changed: true},
	{why: "a file is broken", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("a.yaml", "7") }, changed: true},
	{why: "a broken file is mended", path: "a.yaml", before: func(f tree) { f.write("a.yaml", "7") }, after: func(f tree) { f.write("a.yaml", "1") }, changed: true},
	{why: "a file is renamed", path: ".", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.must(os.Rename(f.path("a.yaml"), f.path("b.yaml"))) }, changed: true},
	{why: "a note comes into a directory", path: ".", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write("README.md", "1") }},
	{why: "an editor's hidden file comes", path: ".", before: func(f tree) { f.write("a.yaml", "1") }, after: func(f tree) { f.write(".a.yaml", "1") }},
	{why: "a file changes deep in a directory", path: ".", before: func(f tree) { f.write("x/y/a.yaml", "1") }, after: func(f tree) { f.write("x/y/a.yaml", "2") }, changed: true},
	{why: "a file that a pattern matches comes", path: "*/fleet.yaml", before: func(f tree) { f.write("x/fleet.yaml", "1"); f.write("y/other.yaml", "1") },
		after: func(f tree) { f.write("y/fleet.yaml", "1") }, changed: true},
	{why: "a file that no pattern matches comes", path: "*/fleet.yaml", before: func(f tree) { f.write("x/fleet.yaml", "1") }, after: func(f tree) { f.write("x/other.yaml", "1") }},
	{why: "a ConfigMap is updated, by directory", path: ".", before: func(f tree) { f.mount("1", "1") }, after: func(f tree) { f.mount("2", "2") }, changed: true},
	{why: "a ConfigMap is updated, by file", path: "fleet.yaml", before: func(f tree) { f.mount("1", "1") }, after: func(f tree) { f.mount("2", "2") }, changed: true},
	{why: "a ConfigMap is mounted anew with what it held", path: ".", before: func(f tree) { f.mount("1", "1") }, after: func(f tree) { f.mount("2", "1") }},
}

func TestOnlyAChangeOfContentCounts(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.why, func(t *testing.T) {
			f := newTree(t)
			tt.before(f)
			calls := 0
			w, err := New(Options{Paths: []string{f.path(tt.path), "-"}, Changed: func() { calls++ }})
			if err != nil {
				t.Fatal(err)
			}
			defer w.notify.Close()
			w.look()
			if calls != 0 {
				t.Error("a look before any change found one")
			}
			tt.after(f)
			w.look()
			w.look()
			if (calls == 1) != tt.changed || calls > 1 {
				t.Errorf("%d changes were found, want changed %v", calls, tt.changed)
			}
		})
	}
}

// watchFor runs a watcher over a path; the channel gets one element a change.
func watchFor(t *testing.T, path string, every time.Duration) <-chan bool {
	t.Helper()
	changed := make(chan bool, 100)
	w, err := New(Options{Paths: []string{path}, Changed: func() { changed <- true }, Quiet: 10 * time.Millisecond, Every: every})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		w.Run(ctx)
		close(over)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return changed
}

func wantChange(t *testing.T, changed <-chan bool) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("the change was not noticed")
	}
}

func TestEveryKindOfChangeIsNotified(t *testing.T) {
	for _, tt := range changes {
		if !tt.changed {
			continue
		}
		t.Run(tt.why, func(t *testing.T) {
			f := newTree(t)
			tt.before(f)
			changed := watchFor(t, f.path(tt.path), time.Hour) // only a notification can tell
			tt.after(f)
			wantChange(t, changed)
		})
	}
}

func TestDirectoriesAreFollowedAsTheyComeAndGo(t *testing.T) {
	f := newTree(t)
	f.write("a.yaml", "1")
	w, err := New(Options{Paths: []string{f.dir}, Changed: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.notify.Close()
	want := func(what string, dirs ...string) {
		t.Helper()
		w.look()
		got := w.notify.WatchList()
		slices.Sort(got)
		if !slices.Equal(got, dirs) {
			t.Errorf("%s: watched are %q, want %q", what, got, dirs)
		}
	}
	want("at first", f.dir)
	f.write("x/b.yaml", "1")
	want("a directory came", f.dir, f.path("x"))
	f.must(os.RemoveAll(f.path("x")))
	want("it went", f.dir)
	f.write("x/b.yaml", "2")
	want("it came back", f.dir, f.path("x"))
}

func TestWhatNobodyNotifiesIsFoundByLooking(t *testing.T) {
	elsewhere, f := newTree(t), newTree(t)
	elsewhere.write("fleet.yaml", "1")
	f.must(os.Symlink(elsewhere.path("fleet.yaml"), f.path("fleet.yaml")))
	changed := watchFor(t, f.path("fleet.yaml"), 20*time.Millisecond)
	elsewhere.write("fleet.yaml", "2")
	wantChange(t, changed)
}
