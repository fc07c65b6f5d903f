package export

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// file is the text being written; bufio keeps the first error for the flush.
type file struct{ out *bufio.Writer }

func (f file) linef(format string, args ...any) { fmt.Fprintf(f.out, format+"\n", args...) }

func (f file) comment(indent, text string) {
	f.linef("%s# %s", indent, oneLine(text))
}

func (f file) header(o Options) {
	for _, line := range o.Header {
		f.comment("", line)
	}
	f.linef("version: 1")
}

// unread names what is not in the file because it was not read, and counts it.
func (f file) unread(targets []Target) int {
	n := 0
	say := func(what string, why error) {
		if n == 0 {
			f.linef("")
			f.comment("", "NOT IN THIS FILE, because it could not be read:")
		}
		n++
		f.linef("#   %s", oneLine(fmt.Sprintf("%s: %v", what, why)))
	}
	for i := range targets {
		if targets[i].Err != nil {
			say("all of "+targets[i].Target.String(), targets[i].Err)
			continue
		}
		for j := range targets[i].Functions {
			switch g := &targets[i].Functions[j]; g.State {
			case reconcile.Unreadable:
				say(targets[i].Target.String()+"/"+g.Function, g.Err)
			case reconcile.NotExamined:
				say(targets[i].Target.String()+"/"+g.Function, errNotExamined)
			}
		}
	}
	return n
}

// targets writes the targets section; a target without a label is that of the
// current credentials, which needs none.
func (f file) targets(targets []Target) {
	if targets[0].Label == "" {
		return
	}
	f.linef("\ntargets:")
	written := map[string]bool{}
	for _, s := range targets {
		if written[s.Label] {
			continue
		}
		written[s.Label] = true
		f.linef("  - name: %s", scalar(s.Label))
		f.linef("    account: %q", s.Account)
		if s.RoleARN != "" {
			f.linef("    role_arn: %s", scalar(s.RoleARN))
		}
		if s.ExternalID != "" {
			f.linef("    external_id: %s", scalar(s.ExternalID))
		}
		if s.Quota > 0 {
			f.linef("    quota: %s", strconv.FormatFloat(s.Quota, 'f', -1, 64))
		}
		if s.RateShare > 0 {
			f.linef("    rate_share: %s", strconv.FormatFloat(s.RateShare, 'f', -1, 64))
		}
		var regions []string
		for _, same := range targets {
			if same.Label == s.Label {
				regions = append(regions, same.Region)
			}
		}
		f.linef("    regions: %s", list(regions))
	}
}

func (f file) defaults(common [desired.NumSettings]cell) {
	begun := false
	for i, field := range desired.Settings() {
		if common[i].value == "" {
			continue
		}
		if !begun {
			f.linef("\ndefaults:")
			begun = true
		}
		for _, remark := range common[i].remarks {
			f.comment("  ", remark)
		}
		f.linef("  %s: %s", field, settingText(field, common[i].value))
	}
}

func (f file) functions(bunches []bunch) {
	if len(bunches) == 0 {
		return
	}
	f.linef("\nfunctions:")
	for i := range bunches {
		b := &bunches[i]
		switch {
		case len(b.entries) > 1:
			if i > 0 {
				f.linef("")
			}
			f.comment("  ", fmt.Sprintf("%d entries: %s", len(b.entries), b.describe()))
		case i > 0 && len(bunches[i-1].entries) > 1:
			f.linef("")
			f.comment("  ", "Settings of their own")
		}
		for _, note := range b.notes {
			f.comment("  ", note)
		}
		for j := range b.entries {
			f.entry(&b.entries[j], b.lines)
		}
	}
}

func (f file) entry(e *entry, lines [desired.NumSettings]string) {
	f.linef("  - name: %s", scalar(cmp.Or(e.arn, e.Function)))
	if e.Qualifier != desired.Latest {
		f.linef("    qualifier: %s", scalar(e.Qualifier))
	}
	if e.targets != nil {
		f.linef("    targets: %s", list(e.targets))
	}
	for i, field := range desired.Settings() {
		if lines[i] != "" {
			f.linef("    %s: %s", field, settingText(field, lines[i]))
		}
	}
}

// list is a YAML list on one line.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = scalar(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

var errNotExamined = errors.New("the run ended before its turn")

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
var wordsWithMeaning = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", none}

// scalar is a text as a YAML value: plain where that is safe, else in quotes. Go's
// quoting is a subset of what YAML reads in double quotes.
func scalar(s string) string {
	switch {
	case slices.Contains(wordsWithMeaning, strings.ToLower(s)):
	case plainScalar.MatchString(s), plainARN.MatchString(s):
		return s
	}
	return strconv.Quote(s)
}

// oneLine is a text from outside as a comment can hold it: YAML forbids control
// characters even there, and a second line would end the comment.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
