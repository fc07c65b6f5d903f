// Package fleetfile is how a program writes a fleet file, or a part of one: values
// in quotes where YAML would take them for something else, comments on one line, and
// nothing that the loader would refuse.
//
// Texts go in, and lines that desired reads back as these texts come out. The
// package reads no file and decides nothing about any config.
package fleetfile

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// None is how the fleet file says that there is no destination.
const None = "none"

// Writer writes lines; it keeps the first error for Flush.
type Writer struct {
	out  *bufio.Writer
	Line int // the number of the last line, from 1
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriter(w)} }

// Flush ends the file, and tells of an error on the way.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write the fleet file: %w", err)
	}
	return nil
}

// Linef writes a line, or several.
func (w *Writer) Linef(format string, args ...any) {
	text := fmt.Sprintf(format+"\n", args...)
	w.Line += strings.Count(text, "\n")
	w.out.WriteString(text) // Flush has the error
}

// Comment writes a comment, on one line whatever is in it.
func (w *Writer) Comment(indent, text string) { w.Linef("%s# %s", indent, OneLine(text)) }

// Targets writes the targets section, with the same variables for each of its items; a target
// without a label is that of the current credentials, which needs none.
func (w *Writer) Targets(targets []desired.TargetSpec, vars map[string]string) {
	if len(targets) == 0 || targets[0].Label == "" {
		return
	}
	w.Linef("\ntargets:")
	written := map[string]bool{}
	for _, s := range targets {
		if written[s.Label] {
			continue
		}
		written[s.Label] = true
		w.Linef("  - name: %s", Scalar(s.Label))
		w.Linef("    account: %q", s.Account)
		if s.RoleARN != "" {
			w.Linef("    role_arn: %s", Scalar(s.RoleARN))
		}
		if s.ExternalID != "" {
			w.Linef("    external_id: %s", Scalar(s.ExternalID))
		}
		if s.Quota > 0 {
			w.Linef("    quota: %s", strconv.FormatFloat(s.Quota, 'f', -1, 64))
		}
		if s.RateShare > 0 {
			w.Linef("    rate_share: %s", strconv.FormatFloat(s.RateShare, 'f', -1, 64))
		}
		var regions []string
		for _, same := range targets {
			if same.Label == s.Label {
				regions = append(regions, same.Region)
			}
		}
		w.Linef("    regions: %s", Style{}.List(regions))
		if len(vars) > 0 {
			w.Linef("    vars:")
		}
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			w.Linef("      %s: %q", Scalar(name), vars[name])
		}
	}
}

// Entry is an item of functions.
type Entry struct {
	desired.Name
	ARN      string                      // in place of the plain name, where labels cannot name the target
	Targets  []string                    // labels; nil for all targets, or where ARN says it
	Remove   bool                        // in place of settings
	Settings [desired.NumSettings]string // as they are written; "" where the entry is silent
}

// Entry writes an item of functions.
func (w *Writer) Entry(e *Entry) {
	for i, line := range (Style{}).Pairs(e) {
		w.Linef("%s%s", [2]string{"  - ", "    "}[min(i, 1)], line)
	}
}

// Located are the entries that say for one name at some targets what e says: at all
// targets of the file, at those of some labels, and where a label has other regions too, at
// one ARN each. at has the function's name in each of them, which may have variables.
func Located(e Entry, targets []desired.TargetSpec, at map[desired.Target]string) []Entry {
	if len(at) == len(targets) {
		return []Entry{e}
	}
	partly := map[string]bool{} // labels of which some region is not meant
	for _, t := range targets {
		partly[t.Label] = partly[t.Label] || at[t.Target] == ""
	}
	var all []Entry
	whole := e
	for _, t := range targets {
		switch {
		case at[t.Target] == "":
		case partly[t.Label]:
			one := e
			one.ARN = FunctionARN(t.Target, at[t.Target])
			all = append(all, one)
		case !slices.Contains(whole.Targets, t.Label):
			whole.Targets = append(whole.Targets, t.Label)
		}
	}
	if whole.Targets != nil {
		slices.Sort(whole.Targets)
		all = append([]Entry{whole}, all...)
	}
	return all
}

// Style is how the keys and values around a place are written; the zero Style is that of
// a file that a program writes.
type Style struct {
	Flow, Quoted bool // in brackets; as JSON
}

// Key is a key.
func (y Style) Key(k string) string {
	if y.Quoted {
		return strconv.Quote(k)
	}
	return k
}

// Text is any text.
func (y Style) Text(s string) string {
	if y.Quoted || y.Flow && strings.ContainsAny(s, "{}[],") {
		return strconv.Quote(s)
	}
	return Scalar(s)
}

// Value is a value of a setting.
func (y Style) Value(f desired.Setting, text string) string {
	if f.IsNumber() || text == None && !y.Quoted {
		return text
	}
	return y.Text(text)
}

// List is a list on one line.
func (y Style) List(texts []string) string {
	return "[" + strings.Join(slice.Map(texts, y.Text), ", ") + "]"
}

// Pairs are the keys of an entry and their values, in the order of the file.
func (y Style) Pairs(e *Entry) []string {
	all := []string{y.Key("name") + ": " + y.Text(cmp.Or(e.ARN, e.Function))}
	add := func(key, value string) { all = append(all, y.Key(key)+": "+value) }
	if e.Qualifier != desired.Latest {
		add("qualifier", y.Text(e.Qualifier))
	}
	if e.Targets != nil {
		add("targets", y.List(e.Targets))
	}
	if e.Remove {
		add("remove", "true")
	}
	for i, s := range desired.AllSettings() {
		if e.Settings[i] != "" {
			add(s.String(), y.Value(s, e.Settings[i]))
		}
	}
	return all
}

// plainScalar is text that needs no quotes in any YAML: it begins with a letter,
// so it is no number, and holds nothing that has a meaning of its own, also
// within a list in brackets. Placeholders and colons are for ARNs, which stand
// alone on their line.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	plainARN    = regexp.MustCompile(`^arn:[A-Za-z0-9_./:@+=${}-]*[A-Za-z0-9}]$`)
)

// wordsWithMeaning are those that some version of YAML, or the fleet file, does
// not read as the text they are.
var wordsWithMeaning = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", None}

// Scalar is a text as a YAML value: plain where that is safe, else in quotes. Go's
// quoting is a subset of what YAML reads in double quotes.
func Scalar(s string) string {
	switch {
	case slices.Contains(wordsWithMeaning, strings.ToLower(s)):
	case plainScalar.MatchString(s), plainARN.MatchString(s):
		return s
	}
	return strconv.Quote(s)
}

// FunctionARN names a function of one target.
func FunctionARN(t desired.Target, function string) string {
	return fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", t.Partition(), t.Region, t.Account, function)
}

// OneLine is a text from outside as a comment can hold it: YAML forbids control
// characters even there, and a second line would end the comment.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Files are files in memory by whatever path they were named with: ../fleet.yaml and
// s3://bucket/fleet.yaml are none to the file systems of the library.
type Files map[string][]byte

// Open implements fs.FS.
func (f Files) Open(name string) (fs.File, error) {
	data, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{name: name, size: int64(len(data)), Reader: bytes.NewReader(data)}, nil
}

// file is an open one, and tells about itself.
type file struct {
	name string
	size int64
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f, nil }
func (f *file) Close() error               { return nil }
func (f *file) Name() string               { return path.Base(f.name) }
func (f *file) Size() int64                { return f.size }
func (f *file) Mode() fs.FileMode          { return 0o444 }
func (f *file) ModTime() time.Time         { return time.Time{} }
func (f *file) IsDir() bool                { return false }
func (f *file) Sys() any                   { return nil }

// Spellings lists the ways to write an ARN: with or without a placeholder for its
// partition, region and account, where these are the target's own, and for the
// function's name, where that is a word of it. The ARN itself is the first; no function
// leaves names as they are.
func Spellings(written string, t desired.Target, function string) []string {
	a, err := arn.Parse(written)
	if err != nil {
		return []string{written}
	}
	all := []arn.ARN{a}
	for _, part := range []struct {
		of               func(*arn.ARN) *string
		own, placeholder string
	}{
		{func(a *arn.ARN) *string { return &a.Partition }, t.Partition(), "${partition}"},
		{func(a *arn.ARN) *string { return &a.Region }, t.Region, "${region}"},
		{func(a *arn.ARN) *string { return &a.AccountID }, t.Account, "${account}"},
	} {
		for _, with := range all {
			if *part.of(&with) == part.own {
				*part.of(&with) = part.placeholder
				all = append(all, with)
			}
		}
	}
	if named := withFunction(a.Resource, function); named != a.Resource {
		for _, with := range all {
			with.Resource = named
			all = append(all, with)
		}
	}
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = all[i].String()
	}
	return texts
}

var nameWord = regexp.MustCompile(`[A-Za-z0-9]+`)

// withFunction puts ${function} in place of a function's name where it begins and ends
// as a word does: queue-a is no queue of the function ue.
func withFunction(resource, function string) string {
	if function == "" {
		return resource
	}
	out := ""
	for i := 0; i < len(resource); {
		end := i + len(function)
		if end <= len(resource) && resource[i:end] == function && edge(resource, i) && edge(resource, end) {
			out, i = out+"${function}", end
			continue
		}
		out, i = out+resource[i:i+1], i+1
	}
	return out
}

// edge reports whether no word of letters and digits goes over a place of a text.
func edge(s string, at int) bool {
	return at == 0 || at == len(s) || !nameWord.MatchString(s[at-1:at]) || !nameWord.MatchString(s[at:at+1])
}
