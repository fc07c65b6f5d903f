// Package watch makes fleet files a source of wakes.
//
// In come the paths that a program loads its fleet from: files, directories and
// patterns. Out goes one call for each real change of what the loader reads there.
//
// Which files those are is the loader's business alone. The watcher knows where
// they may be: it watches directories, because editors, git and Kubernetes replace
// files instead of writing them, and a mounted ConfigMap is a directory of links
// into another one. A notification only says that it is time to look, once they
// have been quiet for a moment. A look that finds any file below the paths touched
// asks the loader, and only what the loader reads decides. A periodic look makes up
// for file systems that notify nobody, such as network mounts.
package watch

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fswait"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Options are what a watcher is made of.
type Options struct {
	Paths   []string // files, directories, patterns; - (standard input) is left out
	Changed func()   // called for each real change; must not block

	Quiet time.Duration // how long notifications must have been quiet: DefaultQuiet when 0
	Every time.Duration // look at least so often: DefaultEvery when 0
}

// A checkout or a rollout writes its files within a fraction of a second. Looking
// every minute costs a look into the directories.
const (
	DefaultQuiet = 300 * time.Millisecond
	DefaultEvery = time.Minute
)

// Watcher watches. Make one with New and call Run once.
type Watcher struct {
	o      Options
	notify *fsnotify.Watcher
	files  []desired.FileInfo // that the loader read last
	seen   string             // names, sizes and times of what is below the paths
	loaded string             // what the loader read: files and sums, or problems
}

// New begins to watch: a change after it has returned will be seen.
func New(o Options) (*Watcher, error) {
	o.Quiet, o.Every = cmp.Or(o.Quiet, DefaultQuiet), cmp.Or(o.Every, DefaultEvery)
	o.Paths = slices.DeleteFunc(slices.Clone(o.Paths), func(p string) bool { return p == "-" })
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("fleet files cannot be watched: %w; raise fs.inotify.max_user_instances", err)
	}
	w := &Watcher{o: o, notify: notify}
	w.load()
	w.seen = w.follow()
	return w, nil
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.notify.Close()
	periodic := time.NewTicker(w.o.Every)
	defer periodic.Stop()
	quiet := time.NewTimer(w.o.Every)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-w.notify.Events:
			if !open {
				return
			}
			if e.Op != fsnotify.Chmod { // reading a file may set its access time
				quiet.Reset(w.o.Quiet)
			}
		case <-w.notify.Errors:
			quiet.Reset(w.o.Quiet) // notifications were lost: time to look
		case <-quiet.C:
			w.look()
		case <-periodic.C:
			w.look()
		}
	}
}

// look asks the loader where something was touched.
func (w *Watcher) look() {
	seen := w.follow()
	if seen == w.seen {
		return
	}
	w.seen = seen
	before := w.loaded
	w.load()
	w.seen = w.follow() // the loader may have read files elsewhere
	if w.loaded != before {
		w.o.Changed()
	}
}

// load notes what the loader reads. Files that it refuses are known by its problems.
func (w *Watcher) load() {
	document, err := desired.LoadFiles(w.o.Paths...)
	if err != nil {
		w.loaded = err.Error()
		return
	}
	w.files = document.Files()
	w.loaded = fmt.Sprint(w.files)
}

// follow watches the directories that matter now, and gives the names, sizes and
// times of what is in them. One that cannot be watched is left to the periodic look.
// What is watched is asked anew each time, because a directory that was removed is
// not watched when it comes back. A mount that does not answer is something seen, too: then
// the loader is asked, which gives up in its turn and says so.
func (w *Watcher) follow() string {
	files := w.files
	seen, err := fswait.Do(context.Background(), func() (string, error) { return w.followAt(files), nil })
	if err != nil {
		return err.Error()
	}
	return seen
}

func (w *Watcher) followAt(files []desired.FileInfo) string {
	wanted := slice.Map(files, func(f desired.FileInfo) string { return filepath.Dir(f.Path) })
	for _, p := range w.o.Paths {
		wanted = append(wanted, directoriesOf(filepath.Clean(p))...)
	}
	wanted = slice.Unique(wanted)
	watched := w.notify.WatchList()
	var seen strings.Builder
	for _, dir := range wanted {
		if !slices.Contains(watched, dir) {
			w.notify.Add(dir)
		}
		entries, err := os.ReadDir(dir)
		fmt.Fprintln(&seen, dir, err)
		for _, e := range entries {
			if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && !info.IsDir() { // what a link leads to
				fmt.Fprintln(&seen, e.Name(), info.Size(), info.ModTime().UnixNano(), info.Mode())
			}
		}
	}
	for _, dir := range watched {
		if !slices.Contains(wanted, dir) {
			w.notify.Remove(dir)
		}
	}
	return seen.String()
}

// directoriesOf lists the directories in which files of a path may be or come: a
// directory and all below it; that of a file; and those below the part of a pattern
// that exists.
func directoriesOf(path string) []string {
	info, err := os.Stat(path)
	deep := err == nil && info.IsDir() || err != nil && strings.ContainsAny(path, "*?[{")
	for err != nil || !info.IsDir() {
		path = filepath.Dir(path)
		if info, err = os.Stat(path); path == filepath.Dir(path) {
			break
		}
	}
	if !deep {
		return []string{path}
	}
	var dirs []string
	filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil // the rest of the tree still counts
		case name != path && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		}
		dirs = append(dirs, name)
		return nil
	})
	return dirs
}
