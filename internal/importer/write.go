package importer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// item is a declaration on its way into the file.
type item struct {
	declaration
	off     string                      // why all of it is a comment
	offSet  [desired.NumSettings]string // why a setting is one
	rule    bool                        // chosen by tags rather than by name
	targets []desired.Target            // of the file's, that it is for
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// write writes the fleet file of some declarations. What stops it from loading becomes
// a comment: a line that is no line of a fleet file helps nobody.
func write(all []declaration, sources []Source, o Options) (Import, error) {
	f := &fleet{sources: sources, o: o, items: make([]item, len(all))}
	for i := range all {
		f.items[i] = item{declaration: all[i]}
		f.items[i].settle(o)
	}
	f.locate()
	f.findDoubles()
	for {
		f.render()
		_, err := desired.Loader{Stdin: bytes.NewReader(f.text.Bytes())}.LoadFiles("-")
		var problems desired.Problems
		switch {
		case err == nil || f.live() == 0: // a file without entries is refused, rightly
			return f.result(), nil
		case !errors.As(err, &problems) || !f.turnOff(problems):
			return Import{}, fmt.Errorf("the fleet file would not be right: %w", err)
		}
	}
}

// settle decides what of a declaration is known.
func (it *item) settle(o Options) {
	missing := func(t text) string {
		if t.wrong != "" {
			return t.wrong
		}
		for _, name := range t.unknown {
			if _, given := o.Vars[name]; !given {
				return t.because + " is not known offline"
			}
		}
		return ""
	}
	for i, f := range desired.AllSettings() {
		t := it.settings[i]
		it.offSet[i] = missing(t)
		if f.IsNumber() && t.written != "" && !wholeNumber.MatchString(t.written) {
			it.settings[i].written, it.offSet[i] = "", fmt.Sprintf("%q is not a whole number", t.written)
		}
	}
	it.rule = it.tags != nil && missing(it.function) != ""
	switch {
	case it.doubt != "":
		it.off = it.doubt
	case !it.rule && missing(it.function) != "":
		it.off = missing(it.function)
	case !it.rule && it.function.isZero():
		it.off = "it names no function"
	case missing(it.qualifier) != "":
		it.off = missing(it.qualifier)
	case !it.says():
		it.off = "no setting of it is known offline"
	}
}

// fleet is the file being written.
type fleet struct {
	sources []Source
	o       Options
	items   []item
	targets []desired.Target // sorted
	labels  map[desired.Target]string
	lacking []string // the --target that would say of which account regions are, sorted

	text   bytes.Buffer
	w      *fleetfile.Writer
	owners map[int]owner // by line
}

// owner is what a line says.
type owner struct {
	item    *item
	setting int // -1: the item itself
}

// findDoubles keeps the first declaration of a config.
func (f *fleet) findDoubles() {
	first := map[string]*item{}
	for it := range slice.Pointers(f.items) {
		if it.off != "" || it.rule {
			continue
		}
		key := fmt.Sprint(it.config(), it.targets)
		if before := first[key]; before != nil {
			it.off = "declared already by " + before.from
		} else {
			first[key] = it
		}
	}
}

// turnOff makes comments of the lines that have problems.
func (f *fleet) turnOff(problems desired.Problems) bool {
	changed := false
	for _, p := range problems {
		if o, known := f.owners[p.Pos.Line]; known && o.item.off == "" {
			o.turnOff(fmt.Sprintf("%s (%s)", p.Message, p.Code))
			changed = true
		}
	}
	return changed
}

// turnOff makes a comment of the line, and of the item where nothing else is left of it.
func (o owner) turnOff(why string) {
	if o.setting < 0 {
		o.item.off = why
	} else if o.item.offSet[o.setting] = why; !o.item.says() {
		o.item.off = "nothing of it can be declared"
	}
}

// says reports whether some setting is more than a comment.
func (it *item) says() bool {
	for i := range it.settings {
		if it.settings[i].written != "" && it.offSet[i] == "" {
			return true
		}
	}
	return false
}

func (f *fleet) live() int {
	n := 0
	for i := range f.items {
		if f.items[i].off == "" {
			n++
		}
	}
	return n
}

func (f *fleet) result() Import {
	r := Import{Entries: f.live(), Text: f.text.Bytes()}
	for it := range slice.Pointers(f.items) {
		if it.off != "" {
			r.Open++
			continue
		}
		for _, why := range it.offSet {
			if why != "" {
				r.Open++
			}
		}
	}
	return r
}

func (f *fleet) render() {
	f.text.Reset()
	f.w, f.owners = fleetfile.NewWriter(&f.text), map[int]owner{}
	f.w.Comment("", "From "+pathsOf(f.sources)+", written by eventinvoke import. What is left out there is left alone here.")
	if slices.ContainsFunc(f.items, func(it item) bool {
		return it.where.path != "" && it.settings[desired.MaximumRetryAttempts].written == "2"
	}) {
		f.w.Comment("", "A state of Terraform has 2 retries also where the code sets none: delete these lines to leave retries alone.")
	}
	if len(f.lacking) > 0 {
		f.w.Comment("", "Import it again with "+strings.Join(f.lacking, " ")+": the state names these regions, and not their account.")
	}
	if len(f.targets) == 0 && (len(f.lacking) == 0 || f.live() > 0) {
		f.w.Comment("", "It is for the account and region of whoever runs it; --target ACCOUNT/REGION writes them down.")
	}
	f.variables()
	f.w.Linef("version: 1")
	targets := slice.Map(f.targets, func(t desired.Target) desired.TargetSpec { return desired.TargetSpec{Target: t, Label: f.labels[t]} })
	f.w.Targets(targets, f.o.Vars)
	f.section("rules", true)
	f.section("functions", false)
	_ = f.w.Flush() // a buffer takes everything
}

// variables lists what somebody has to give.
func (f *fleet) variables() {
	because := map[string]string{}
	for it := range slice.Pointers(f.items) {
		texts := append(it.settings[:], it.qualifier)
		if !it.rule {
			texts = append(texts, it.function)
		}
		for _, t := range texts {
			for _, name := range t.unknown {
				if _, given := f.o.Vars[name]; !given && (because[name] == "" || len(t.because) < len(because[name])) {
					because[name] = t.because
				}
			}
		}
	}
	if len(because) == 0 {
		return
	}
	f.w.Comment("", "Not known offline: give it with --target ACCOUNT/REGION --var NAME=VALUE and import again; or write it under the vars of a target,")
	f.w.Comment("", "and take the # away from the lines that need it.")
	for _, name := range slices.Sorted(maps.Keys(because)) {
		f.w.Comment("", "  "+name+": "+because[name])
	}
}

// section writes the rules or the functions.
func (f *fleet) section(key string, rules bool) {
	any, live := false, false
	for i := range f.items {
		if f.items[i].rule == rules {
			any, live = true, live || f.items[i].off == ""
		}
	}
	switch {
	case live:
		f.w.Linef("\n%s:", key)
	case any:
		f.w.Linef("\n# %s:", key)
	}
	for it := range slice.Pointers(f.items) {
		if it.rule == rules {
			f.item(it)
		}
	}
}

func (f *fleet) item(it *item) {
	if it.off != "" {
		f.w.Comment("  ", it.from+": "+it.off)
	} else {
		f.w.Comment("  ", it.from)
	}
	own := func(setting int, line string) {
		off := ""
		if it.off != "" {
			off = "# "
		}
		f.w.Linef("  %s%s", off, line)
		f.owners[f.w.Line] = owner{it, setting}
	}
	indent := "  "
	if it.rule {
		own(-1, "- match:")
		own(-1, "    tags:")
		for _, t := range it.tags {
			own(-1, fmt.Sprintf("      %q: %s", t.key, fleetfile.Scalar(t.value)))
		}
		if !it.qualifier.isZero() {
			own(-1, "    qualifiers: "+fleetfile.Style{}.List([]string{it.qualifier.written}))
		}
		if labels := f.restrict(it); labels != nil {
			own(-1, "    targets: "+fleetfile.Style{}.List(labels))
		}
		own(-1, "  set:")
		indent = "    "
	} else {
		e := fleetfile.Entry{Targets: f.restrict(it), Name: desired.Name{Function: it.function.written, Qualifier: cmp.Or(it.qualifier.written, desired.Latest)}}
		for i, line := range (fleetfile.Style{}).Pairs(&e) {
			own(-1, [2]string{"- ", "  "}[min(i, 1)]+line)
		}
	}
	for i, s := range desired.AllSettings() {
		value := it.settings[i].written
		if value != "" {
			value = fleetfile.Style{}.Value(s, value)
		}
		switch why := it.offSet[i]; {
		case why != "" && (it.off == "" || value == "" || it.settings[i].because == ""):
			before := "  "
			if it.off != "" {
				before += "# "
			}
			f.w.Comment(before+indent, strings.TrimRight(fmt.Sprintf("%s: %s", s, value), " ")+" # "+why)
		case value != "":
			own(i, indent+s.String()+": "+value)
		}
	}
}
