package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// digest is a fingerprint of the names and content of all YAML files below the
// paths. What cannot be read is part of it, so that it counts as a change when
// a file goes away and again when it comes back.
func digest(paths []string) string {
	h := sha256.New()
	for _, p := range paths {
		for _, name := range filesOf(p) {
			io.WriteString(h, name+"\x00")
			data, err := os.ReadFile(name)
			if err != nil {
				fmt.Fprintf(h, "unreadable: %v", err)
			}
			sum := sha256.Sum256(data)
			h.Write(sum[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// filesOf lists the files that a path stands for, sorted. Errors are left to
// whoever loads the files: there they get a place and a cure.
func filesOf(path string) []string {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return []string{path}
	case err == nil:
		return below(path, func(name string) bool { return isYAML(name) })
	case isPattern(path):
		pattern := filepath.ToSlash(path)
		return below(baseOf(path), func(name string) bool { return doublestar.MatchUnvalidated(pattern, filepath.ToSlash(name)) })
	}
	return nil
}

// below lists the files in a tree that keep wants. Hidden directories are left
// out, links to files are followed.
func below(root string, keep func(string) bool) []string {
	var files []string
	filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // the rest of the tree still counts
		case entry.IsDir() && name != root && isHidden(name):
			return fs.SkipDir
		case !entry.IsDir() && !isHidden(name) && keep(name):
			files = append(files, name)
		}
		return nil
	})
	slices.Sort(files)
	return files
}

// directoriesOf lists what has to be watched to notice changes of a path.
func directoriesOf(path string) []string {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return []string{filepath.Dir(path)}
	case err != nil && !isPattern(path):
		return []string{filepath.Dir(path)} // it may come
	case err != nil:
		path = baseOf(path)
	}
	var dirs []string
	filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil
		case name != path && isHidden(name):
			return fs.SkipDir
		}
		dirs = append(dirs, name)
		return nil
	})
	return dirs
}

// baseOf is the directory that a pattern's matches are below.
func baseOf(pattern string) string {
	base, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
	return filepath.FromSlash(base)
}

func isPattern(path string) bool {
	return strings.ContainsAny(path, "*?[{") && doublestar.ValidatePattern(filepath.ToSlash(path))
}

func isHidden(name string) bool { return strings.HasPrefix(filepath.Base(name), ".") }

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}
