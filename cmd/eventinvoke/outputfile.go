package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

// outputFile is where a result goes. A file appears whole or not at all: it is
// written beside its place and renamed when the result is complete. A new one has
// the mode that the umask leaves; one that is there keeps its mode. What is there and
// is no file, such as a pipe or /dev/stdout, is written to as it is: a rename would
// put a file in its place. The library by which the history writes has nothing for Windows.
type outputFile struct {
	io.Writer
	commit func() error // makes the result appear
	drop   func()       // takes it back, unless it was committed
}

func (o *outputOptions) open(out io.Writer) (*outputFile, error) {
	if o.file == "" || o.file == "-" {
		return streamed(out), nil
	}
	return openFor("output-file", o.file)
}

// streamed is a stream as an output: what was written is there.
func streamed(out io.Writer) *outputFile {
	return &outputFile{Writer: out, commit: func() error { return nil }, drop: func() {}}
}

// cannotWrite names the flag and the path that the user gave, not the one beside it.
func cannotWrite(flag, path string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("--%s %s cannot be written: %w; name a file in a directory that exists and can be written to", flag, path, err)
}

// readNamed reads a file that the command line names, behind the flag that does; instead is
// what to name where it cannot be read.
func readNamed(flag, path, instead string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fmt.Errorf("%s%s cannot be read: %w; name %s", flag, path, err, instead)
	}
	return data, nil
}

// openFor opens the file that a flag names.
func openFor(flag, path string) (*outputFile, error) {
	f, err := openOutput(path)
	if err != nil {
		return nil, cannotWrite(flag, path, err)
	}
	commit := f.commit
	f.commit = func() error {
		if err := commit(); err != nil {
			return cannotWrite(flag, path, err)
		}
		return nil
	}
	return f, nil
}

func openOutput(path string) (*outputFile, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &outputFile{Writer: f, commit: f.Close, drop: func() { f.Close() }}, nil
	}
	place := linkedPath(path)
	f, err := os.OpenFile(filepath.Join(filepath.Dir(place), "."+filepath.Base(place)+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	o := &outputFile{Writer: f, commit: func() error {
		if err := errors.Join(f.Sync(), f.Close()); err != nil { // Windows renames no file that is open
			return err
		}
		return os.Rename(f.Name(), place)
	}, drop: func() {
		f.Close() // it may be closed already
		os.Remove(f.Name())
	}}
	if info != nil {
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			o.drop()
			return nil, err
		}
	}
	return o, nil
}

// linkedPath is what a link points at, whether it is there or not, and any other
// path itself: a link stays a link.
func linkedPath(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			return path
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path
}

// checkedWriter is a standard stream. It remembers its first error, so that a result which
// went nowhere is not reported as a success, and tells when its reader has left.
type checkedWriter struct {
	to   io.Writer
	left func()

	mu  sync.Mutex
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err == nil {
		return n, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	if errors.Is(err, syscall.EPIPE) {
		w.left()
	}
	return n, err
}

func (w *checkedWriter) problem() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// shellWord is s as one word of a POSIX shell, for commands that people copy.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, shellPlain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shellPlain are characters that no shell gives a meaning.
const shellPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"

// say writes to a person. The lines are those of the format: what the arguments hold comes from
// elsewhere, and makes none.
func say(out io.Writer, format string, args ...any) {
	cleaned := make([]any, len(args))
	for i, arg := range args {
		if cleaned[i] = arg; !reflect.ValueOf(arg).CanInt() {
			cleaned[i] = report.Clean(fmt.Sprint(arg))
		}
	}
	sayLines(out, fmt.Sprintf(format, cleaned...))
}

// sayLines writes lines to a person, as the terminal that a stream is can show them. An error of the
// standard output is kept there; that of the other has nowhere to go. Whatever comes from elsewhere
// must have passed report.Clean.
func sayLines(out io.Writer, lines string) {
	_ = report.Lines(out, 2, lines, lineOptions(out))
}

// lineOptions are those of what has a line for each item: as the terminal can show it, and elsewhere
// for programs, which want a line for each, and paths that can be opened, whatever COLUMNS and the
// locale are.
func lineOptions(out io.Writer) report.TextOptions {
	return report.TextOptions{Width: columns(out), ASCII: isTerminal(out) && asciiLocale()}
}

// sanitize spells out what a terminal would act on, as reports do: names of files
// and functions come from elsewhere. Line ends stay.
func sanitize(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
