package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// explainOptions are the options of explain.
type explainOptions struct {
	readOptions
	live bool
}

// codeForm is how a problem code looks. A function of such a name is told apart
// by a qualifier: EI001:$LATEST.
var codeForm = regexp.MustCompile(`^(?i)EI[0-9]{3}$`)

func newExplain(a *app) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain CONFIG|CODE [PATH...]",
		Short: "Show what decided each setting of a config, or what a code means",
		Long: `For a config: every line that sets something, strongest first. CONFIG is NAME,
NAME:QUALIFIER or a function ARN, with LABEL/ or ACCOUNT/REGION/ before it for
one target. Offline it leaves out rules that choose by tags. Where the files
leave the accounts to AWS Organizations, it is asked.

For a code such as EI001: what it means, with a wrong and a right file.`,
		Example: `  eventinvoke explain orders:live fleet.yaml --live
  eventinvoke explain EI001`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeKeysAndCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if codeForm.MatchString(args[0]) {
				return a.explainCode(strings.ToUpper(args[0]), o.format)
			}
			return a.explainKey(cmd.Context(), args[0], args[1:], &o)
		},
	}
	cmd.Flags().BoolVar(&o.live, "live", false, "also read what AWS holds")
	bindSimulate(cmd, &o.simulate)
	simulate := cmd.Flags().Lookup("simulate")
	simulate.Usage = "with --live: " + simulate.Usage
	bindFormat(cmd, &o.format)
	return cmd
}

func (o *explainOptions) check(args []string) error {
	switch code := codeForm.MatchString(args[0]); {
	case code && (len(args) > 1 || o.live):
		return fmt.Errorf("%s is a problem code, and the same for every fleet: leave out paths and --live; a function of that name is %s:$LATEST", args[0], args[0])
	case !code && o.simulate != "" && !o.live:
		return errors.New("without --live nothing is read that could be simulated: add --live, or leave out --simulate")
	}
	return nil
}

func (a *app) explainCode(code string, format string) error {
	e, ok := desired.Explain(code)
	if !ok {
		codes := desired.Codes()
		return fmt.Errorf("there is no problem code %s; they run from %s to %s", code, codes[0], codes[len(codes)-1])
	}
	if format == "json" {
		return report.WriteJSON(a.out, struct {
			FormatVersion int `json:"format_version"`
			desired.Explanation
		}{1, e})
	}
	say(a.out, "%s (%s): %s\n", e.Code, e.Severity, e.Title)
	if err := report.Lines(a.out, 0, e.Text, lineOptions(a.out)); err != nil {
		return err
	}
	example := func(title, text string) {
		if text = strings.TrimRight(text, "\n"); text != "" {
			fmt.Fprintf(a.out, "\n%s:\n\n    %s\n", title, strings.ReplaceAll(text, "\n", "\n    "))
		}
	}
	example("Wrong", e.Wrong)
	example("Right", e.Right)
	return nil
}

// completeKeysAndCodes offers what the first argument can be: the keys of the
// fleet file that is read without a path, and the codes. Paths follow it.
func completeKeysAndCodes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	all := declaredKeys(defaultPath)
	for _, code := range desired.Codes() {
		e, _ := desired.Explain(code)
		all = append(all, cobra.CompletionWithDesc(code, e.Title))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// declaredKeys are the exact keys of a fleet file, each once, however many
// targets have it. A file that does not load has none: a shell is no place for
// its problems.
func declaredKeys(path string) []string {
	doc, err := desired.LoadFiles(path)
	if err != nil {
		return nil
	}
	fleet, err := doc.Resolve(desired.Target{}, nil, desired.Selection{})
	if err != nil {
		return nil
	}
	places := map[string]int{}
	var names []string
	for _, t := range fleet.Targets {
		for _, e := range t.Entries {
			name := e.Name.String()
			if places[name]++; places[name] == 1 {
				names = append(names, name)
			}
		}
	}
	for i, name := range names {
		names[i] = cobra.CompletionWithDesc(name, "declared in "+count(places[name], "target", "targets"))
	}
	return names
}

// explained is one key with its whole story.
type explained struct {
	Key         desired.Key
	Label       string
	Entry       desired.Entry
	Fields      []desired.SettingSources // sources weakest first
	Live        *liveValue               // nil when AWS was not asked
	Judged      []desired.Judged         // the function, where anything is required of it
	Breaches    []reconcile.Breach       // in what AWS holds under the key, or would hold after an apply
	Unjudged    []reconcile.Unjudged     // why nobody knows of breaches
	Also        []string                 // what else is declared of the function
	TagsUnknown bool                     // rules that choose by tags were left out
}

func (a *app) explainKey(ctx context.Context, typed string, paths []string, o *explainOptions) error {
	query, err := desired.ParseKey(typed)
	if err != nil {
		return err
	}
	doc, err := a.loadFor(ctx, paths, &o.readOptions)
	if err != nil {
		return err
	}
	if o.live {
		return a.explainLive(ctx, doc, typed, query, o)
	}
	keys, err := declared(doc, query.Target(), nil, typed, query)
	if err != nil {
		return err
	}
	return a.showKeys(keys, doc, o)
}

func (a *app) showKeys(keys []explained, doc *desired.Document, o *explainOptions) error {
	if o.format == "json" {
		document := explainDocument{FormatVersion: 1}
		for i := range keys {
			document.Configs = append(document.Configs, keys[i].json())
		}
		return report.WriteJSON(a.out, document)
	}
	sayLines(a.out, explainedText(keys, report.Folder(pathsIn(doc.Files()))))
	return nil
}

// declared tells what the files say about a key, given the tags that are known.
func declared(doc *desired.Document, ambient desired.Target, tags desired.Inventory, typed string, query desired.KeyQuery) ([]explained, error) {
	fleet, supposed, err := doc.ResolveFor(ambient, tags, query)
	if err != nil {
		return nil, err
	}
	found, err := fleet.Find(typed)
	if err != nil {
		return nil, err
	}
	untagged := map[desired.Target]bool{}
	for _, need := range doc.Discoveries(ambient, desired.Selection{}) {
		_, known := tags[need.Target]
		untagged[need.Target] = !known && len(need.Tags) > 0
	}
	var all []explained
	for _, key := range found {
		target := fleet.Targets[slices.IndexFunc(fleet.Targets, func(t desired.TargetSpec) bool { return t.Target == key.Target })]
		entry := target.Entries[slices.IndexFunc(target.Entries, func(e desired.Entry) bool { return e.Name == key.Name })]
		sources, err := doc.Sources(ambient, supposed, key)
		if err != nil {
			return nil, err
		}
		judged := slice.Filter(target.Judged, func(j desired.Judged) bool { return j.Function == key.Function })
		var also []string
		for _, e := range target.Entries {
			if e.Function == key.Function && e.Qualifier != key.Qualifier {
				also = append(also, e.Name.String())
			}
		}
		all = append(all, explained{Also: also, Judged: judged, Key: key, Label: target.Label, Entry: entry, Fields: sources, TagsUnknown: untagged[key.Target]})
	}
	return all, nil
}

// differs reports whether AWS holds something else than the files say of a field.
func (e *explained) differs(h desired.SettingSources) bool {
	won := h.Applied()
	return e.Live != nil && e.Live.known() && won != nil && won.Value != e.Live.Settings.Effect(h.Setting)
}

// explainedText writes keys for people, with places below the folder of all fleet files where that is
// long. The winner of a field is marked:
//
//	orders:live in prod (111111111111/eu-west-1)
//	  declared at fleet.yaml:12 functions[0]
//
//	  maximum_retry_attempts: 0, but AWS holds 1
//	    > 0  fleet.yaml:13 functions[0]
//	      2  fleet.yaml:9 rules[0] "payments never retry"
//
// Targets of which the same is to be said are told as one: an organization has hundreds.
func explainedText(keys []explained, folder string) string {
	type block struct {
		name   desired.Name
		text   string
		places []string
	}
	var blocks []block
	for i := range keys {
		var text strings.Builder
		keys[i].text(&text, folder)
		at := slices.IndexFunc(blocks, func(b block) bool { return b.name == keys[i].Key.Name && b.text == text.String() })
		if at < 0 {
			at, blocks = len(blocks), append(blocks, block{name: keys[i].Key.Name, text: text.String()})
		}
		blocks[at].places = append(blocks[at].places, keys[i].place())
	}
	return strings.Join(slice.Map(blocks, func(b block) string {
		return fmt.Sprintf("%s in %s\n%s", report.Clean(b.name.String()), report.Clean(firstOf(b.places)), b.text)
	}), "\n")
}

// firstOf is the first few of many.
func firstOf(all []string) string {
	const some = 5
	first := strings.Join(all[:min(some, len(all))], ", ")
	if more := len(all) - some; more > 0 {
		first = fmt.Sprintf("%s and %d more", first, more)
	}
	return first
}

// text is what is to be said of a key in its target, whose name is left out.
func (e *explained) text(out io.Writer, folder string) {
	line := func(indent int, format string, args ...any) {
		fmt.Fprintln(out, strings.Repeat(" ", indent)+report.Clean(fmt.Sprintf(format, args...)))
	}
	line(2, "%s", e.declaration())
	if len(e.Also) > 0 {
		line(2, "this is %s; also declared: %s", e.Key.Qualifier, strings.Join(e.Also, ", "))
	}
	if e.Live != nil {
		line(2, "%s", e.Live)
	}
	if e.TagsUnknown {
		line(2, "rules that choose by tags are left out: tags are not known here")
	}
	fmt.Fprintln(out)
	for _, h := range e.Fields {
		line(2, "%s: %s", h.Setting, e.verdict(h))
		width := 0
		for _, s := range h.Sources {
			width = max(width, len(s.Value.String()))
		}
		for _, s := range slices.Backward(h.Sources) {
			mark := " "
			if s.Applied {
				mark = ">"
			}
			line(4, "%s %-*s  %s", mark, width, s.Value, strings.TrimPrefix(named(s.Origin), folder))
		}
	}
	for _, q := range e.required() {
		line(2, "must hold: %s", strings.TrimPrefix(named(q.Origin), folder))
		for _, b := range e.breachesOf(q) {
			line(4, "! %s%s", b.Message, map[bool]string{true: "", false: ", until an apply"}[b.Planned])
		}
	}
	for _, u := range e.Unjudged {
		line(2, "whether it holds is not known: %v", u.Err)
	}
}

// required are the requirements that are for the function.
func (e *explained) required() (all []*desired.Requirement) {
	for _, j := range e.Judged {
		all = append(all, j.By...)
	}
	return all
}

func (e *explained) breachesOf(q *desired.Requirement) []reconcile.Breach {
	return slice.Filter(e.Breaches, func(b reconcile.Breach) bool { return b.Requirement == q })
}

// named is an origin with the rule's name behind it, and what stands there where the
// value was made of it.
func named(o desired.Origin) string {
	text := o.String()
	if o.Rule != "" {
		text = fmt.Sprintf("%s %q", o, o.Rule)
	}
	if o.Template != "" {
		text += " from " + o.Template
	}
	return text
}

// place is where the key lives, as far as that is known without asking.
func (e *explained) place() string {
	switch {
	case e.Key.Target == desired.Target{}:
		return "the current credentials' account and region"
	case e.Label == "":
		return e.Key.Target.String()
	}
	return fmt.Sprintf("%s (%s)", e.Label, e.Key.Target)
}

func (e *explained) declaration() string {
	origin := e.Entry.Origins.Entry
	switch {
	case e.Entry.Remove:
		return fmt.Sprintf("%s says remove: there must be no record", origin)
	case origin.Layer == desired.LayerRule:
		return fmt.Sprintf("chosen by %s", named(origin))
	}
	return fmt.Sprintf("declared at %s", origin)
}

// verdict is what becomes of a field.
func (e *explained) verdict(h desired.SettingSources) string {
	text := "left as it is"
	if e.Entry.Remove {
		text = "goes with the record"
	} else if won := h.Applied(); won != nil {
		text = won.Value.String()
	}
	if e.Live == nil || !e.Live.known() {
		return text
	}
	now := h.Setting.Format(e.Live.Settings[h.Setting])
	if !e.differs(h) {
		return fmt.Sprintf("%s; AWS holds %s", text, now)
	}
	return fmt.Sprintf("%s, but AWS holds %s", text, now)
}
