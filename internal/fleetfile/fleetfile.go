// Package fleetfile is how a program writes a fleet file, or a part of one: values
// in quotes where YAML would take them for something else, comments on one line, and
// nothing that the loader would refuse.
//
// Texts go in, and lines that desired reads back as these texts come out. The
// package reads no file and decides nothing about any config.
package fleetfile

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/eventinvoke/eventinvoke/desired"
)

// None is how the fleet file says that there is no destination.
const None = "none"

// Writer writes lines; it keeps the first error for Flush.
type Writer struct{ out *bufio.Writer }

// NewWriter writes to w.
func NewWriter(w io.Writer) Writer { return Writer{bufio.NewWriter(w)} }

// Flush ends the file, and tells of an error on the way.
func (w Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write the fleet file: %w", err)
	}
	return nil
}

// Linef writes a line.
func (w Writer) Linef(format string, args ...any) { fmt.Fprintf(w.out, format+"\n", args...) }

// Comment writes a comment, on one line whatever is in it.
func (w Writer) Comment(indent, text string) { w.Linef("%s# %s", indent, OneLine(text)) }

// Targets writes the targets section; a target without a label is that of the
// current credentials, which needs none.
func (w Writer) Targets(targets []desired.TargetSpec) {
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
		w.Linef("    regions: %s", List(regions))
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

// Lines are the keys of the entry, in the order of the file, without indentation.
func (e *Entry) Lines() []string {
	lines := []string{"name: " + Scalar(cmp.Or(e.ARN, e.Function))}
	if e.Qualifier != desired.Latest {
		lines = append(lines, "qualifier: "+Scalar(e.Qualifier))
	}
	if e.Targets != nil {
		lines = append(lines, "targets: "+List(e.Targets))
	}
	if e.Remove {
		lines = append(lines, "remove: true")
	}
	for i, s := range desired.Settings() {
		if e.Settings[i] != "" {
			lines = append(lines, s.String()+": "+Value(s, e.Settings[i]))
		}
	}
	return lines
}

// Entry writes an item of functions.
func (w Writer) Entry(e *Entry) {
	for i, line := range e.Lines() {
		w.Linef("%s%s", [2]string{"  - ", "    "}[min(i, 1)], line)
	}
}

// List is a YAML list on one line.
func List(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = Scalar(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
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

// Value is a value of a setting as the fleet file has it.
func Value(f desired.Setting, value string) string {
	if f.IsNumber() || value == None {
		return value
	}
	return Scalar(value)
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
