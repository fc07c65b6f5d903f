package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// An output that was not committed leaves what was there, and nothing beside it.
func TestAnOutputThatFailedLeavesNothing(t *testing.T) {
	for _, row := range []struct {
		why   string
		there string // "": no file
		end   func(f *outputFile) error
		want  string
	}{
		{"dropped over a file", "yesterday", func(f *outputFile) error { f.drop(); return nil }, "yesterday"},
		{"dropped where nothing was", "", func(f *outputFile) error { f.drop(); return nil }, ""},
		{"committed, and dropped as every verb does at its end", "yesterday", func(f *outputFile) error { defer f.drop(); return f.commit() }, "today"},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "report.txt")
		if row.there != "" {
			if err := os.WriteFile(path, []byte(row.there), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := openFor("output-file", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("today")); err != nil {
			t.Fatal(err)
		}
		if err := row.end(f); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		found, err := os.ReadFile(path)
		if row.want == "" {
			if len(left) != 0 {
				t.Errorf("%s: %v was left", row.why, left)
			}
			continue
		}
		if len(left) != 1 || string(found) != row.want {
			t.Errorf("%s: %v was left, with %q in the file, %v; want %q alone", row.why, left, found, err, row.want)
		}
	}
}

func TestOutputModesAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes and links are a Unix's")
	}
	folder := t.TempDir()
	write := func(path string) {
		t.Helper()
		f, err := openFor("output-file", path)
		if err == nil {
			_, err = f.Write([]byte("new"))
			err = errors.Join(err, f.commit())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	private, dangling := filepath.Join(folder, "private"), filepath.Join(folder, "dangling")
	if err := os.WriteFile(private, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	write(private)
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a private report has mode %v, %v; want that it stays private", info.Mode(), err)
	}
	if err := os.Symlink("later", dangling); err != nil {
		t.Fatal(err)
	}
	write(dangling)
	if to, err := os.Readlink(dangling); err != nil || to != "later" {
		t.Errorf("a link to a file that is not there yet became %q, %v", to, err)
	}
	if found, err := os.ReadFile(filepath.Join(folder, "later")); err != nil || string(found) != "new" {
		t.Errorf("what the link points at is %q, %v", found, err)
	}
}
