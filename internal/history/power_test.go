//go:build unix

package history

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// disk forgets at a power cut what was not synced: the content of a log that was
// written since its last sync, and the names in a folder since its last one. The
// content of objects is the library's to sync, and is never forgotten.
type disk struct {
	mu      sync.Mutex
	names   map[string][]fs.DirEntry
	content map[string][]byte
}

func (d *disk) sync(f *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, err := os.ReadDir(f.Name())
	if err == nil {
		d.names[f.Name()] = entries
		return nil
	}
	d.content[f.Name()], err = os.ReadFile(f.Name())
	return err
}

// afterPowerCut copies what is left of a folder.
func (d *disk) afterPowerCut(t *testing.T, from, to string) {
	t.Helper()
	for _, entry := range d.names[from] {
		source, copied := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if entry.IsDir() {
			if err := os.Mkdir(copied, folderMode); err != nil {
				t.Fatal(err)
			}
			d.afterPowerCut(t, source, copied)
			continue
		}
		content := d.content[source]
		if filepath.Ext(source) == ".json" {
			found, err := os.ReadFile(source)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			content = found
		}
		if err := os.WriteFile(copied, content, fileMode); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerLossForgetsNoIntent cuts the power right before each write is sent: the
// before-images of all writes so far, and the record that names the run, are there.
func TestPowerLossForgetsNoIntent(t *testing.T) {
	home := t.TempDir()
	d := &disk{names: map[string][]fs.DirEntry{}, content: map[string][]byte{}}
	s := &dir{root: filepath.Join(home, "state", "eventinvoke"), sync: d.sync}
	run := begin(t, s, "unlucky")
	for i := range 12 {
		change := modify(testKey(i), holding(2), retries(0))
		if err := run.Journal().Intend(t.Context(), testKey(i), change); err != nil {
			t.Fatal(err)
		}
		left := t.TempDir()
		d.mu.Lock()
		d.afterPowerCut(t, home, left)
		d.mu.Unlock()
		undos, err := New(openDir(t, filepath.Join(left, "state", "eventinvoke"))).Traces(t.Context(), "unlucky")
		if err != nil || len(undos) != i+1 {
			t.Fatalf("after a power cut before write %d there are %d before-images, %v", i, len(undos), err)
		}
		run.Journal().Settle(testKey(i), applied(change, new(holding(0))))
	}
	if err := run.Finish(t.Context(), testRecord("unlucky")); err != nil {
		t.Fatal(err)
	}
}
