package watch

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options are what a watcher is made of.
type Options struct {
	Paths   []string // files, directories, patterns; - (standard input) is left out
	Changed func()   // called for each real change; must not block

	Quiet time.Duration // how long notifications must have been quiet: DefaultQuiet when 0
	Every time.Duration // look at least so often: DefaultEvery when 0
}

// A checkout or a rollout writes its files within a fraction of a second. Looking
// every minute costs one read of files that are in the page cache.
const (
	DefaultQuiet = 300 * time.Millisecond
	DefaultEvery = time.Minute
)

// Watcher watches. Make one with New and call Run once.
type Watcher struct {
	o      Options
	notify *fsnotify.Watcher
	last   string // digest
}

// New begins to watch: a change after it has returned will be seen.
func New(o Options) (*Watcher, error) {
	if o.Quiet == 0 {
		o.Quiet = DefaultQuiet
	}
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	var paths []string
	for _, p := range o.Paths {
		if p != "-" {
			paths = append(paths, filepath.Clean(p))
		}
	}
	o.Paths = paths
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("fleet files cannot be watched: %w; raise fs.inotify.max_user_instances", err)
	}
	w := &Watcher{o: o, notify: notify}
	w.follow()
	w.last = digest(o.Paths)
	return w, nil
}

// follow watches the directories that the paths stand for now. One that cannot
// be watched is left to the periodic look. What is watched is asked anew each
// time, because a directory that was removed is not watched when it comes back.
func (w *Watcher) follow() {
	var wanted []string
	for _, p := range w.o.Paths {
		wanted = append(wanted, directoriesOf(p)...)
	}
	watched := w.notify.WatchList()
	for _, dir := range wanted {
		if !slices.Contains(watched, dir) {
			w.notify.Add(dir)
		}
	}
	for _, dir := range watched {
		if !slices.Contains(wanted, dir) {
			w.notify.Remove(dir)
		}
	}
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

// look compares the content with that of the last look.
func (w *Watcher) look() {
	w.follow()
	if now := digest(w.o.Paths); now != w.last {
		w.last = now
		w.o.Changed()
	}
}
