package desired

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Document is what the files say, checked as far as they alone allow. It does
// not change after Load: its methods may be called any number of times, by several
// goroutines, and those that begin with With give another Document.
type Document struct {
	files     []*fileDecl
	targets   []targetDecl
	rules     []*ruleDecl // by layer, then in the order of the files
	functions []*functionDecl

	guard             Limits
	undeclared        UndeclaredPolicy
	missing           MissingPolicy // of functions
	missingQualifiers MissingPolicy
	warnings          Problems // found by Load; Resolve adds its own

	locals         map[string]*local // by label; "" where no targets are declared
	sections       map[string]Pos    // where those were found that may stand only once
	defaults       *source           // those of all files; nil where there are none
	damagedTargets bool              // a target has a problem: nothing can be said about targets
}

// FileInfo names one file that was read, by its exact bytes.
type FileInfo struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Files lists what was read, sorted by path.
func (d *Document) Files() []FileInfo {
	return slice.Map(d.files, func(f *fileDecl) FileInfo { return f.info })
}

// What is written and what it comes to are kept apart. A Document has declarations, each with the
// place where it stands, and with variables and placeholders still in it; a Fleet has values. So
// one Document serves every target and every inventory, and a message can quote the line as its
// author wrote it, also where it is about one of a hundred thousand functions.
//
// Declarations never change once the files are loaded. What a target has of its own, names and
// patterns with its variables filled in, is in a local; what a resolution finds out, in a scope.

// place is a position inside one file.
type place struct{ line, column int32 }

// text is a string of a file together with its place.
//
// Comparing two compares their places as well.
type text struct {
	value string
	place
}

// written is the text as it stands in the file; what was compiled from one has it too.
func (t text) written() text { return t }

// setting is a setting as somebody wrote it: a destination still has its placeholders in it.
type setting struct {
	Value
	place
}

type settings [NumSettings]setting

// isZero reports whether no setting was written.
func (s *settings) isZero() bool { return *s == settings{} }

// source is one place that speaks about settings: the defaults of a file, a rule
// or an exact entry.
//
// Memory counts here: a large fleet has one for each entry.
type source struct {
	file *fileDecl
	place
	index int32
	layer Layer
	fleet bool   // defaults of all files
	rule  string // the name of the rule; "" for what has none
	set   settings
}

func (s *source) pos() Pos { return s.file.pos(s.place) }

// origin is where the source stands, in the form that reports keep.
func (s *source) origin() Origin {
	return Origin{File: s.file.info.Path, Line: int(s.line), Layer: s.layer, Index: int(s.index), Rule: s.rule}
}

// fieldOrigin is the place of one setting rather than of the whole source, and the
// template that stands there. An account or a region speaks for itself.
func (s *source) fieldOrigin(f Setting) Origin {
	o := s.origin()
	o.Line = int(s.set[f].line)
	if written := s.set[f].Text(); strings.Contains(written, functionPlaceholder) || hasVariables(written) {
		o.Template = written
	}
	return o
}

// fileDecl is one file. Several YAML documents in it count as one file.
type fileDecl struct {
	info     FileInfo
	defaults source
	sections map[string]Pos
	counts   [LayerRequire + 1]int32 // how many items it has so far, over all its YAML documents
}

func (f *fileDecl) pos(p place) Pos {
	return Pos{File: f.info.Path, Line: int(p.line), Column: int(p.column)}
}

// targetDecl is one item of targets: an account, or those of an organization, in one or
// more regions.
type targetDecl struct {
	file *fileDecl
	place
	name, account, role, externalID text
	organization                    *organizationDecl // nil where an account is named
	members                         []Target          // of the organization; nil until they are known
	unknown                         map[string]error  // by account: why the regions of a member are not known
	regions                         []text
	vars                            []variableDecl
	quota, rateShare                float64
}

// variableDecl is one item of a target's vars.
type variableDecl struct{ name, value text }

// functionDecl is one item of functions.
type functionDecl struct {
	source
	writtenName, writtenQualifier text
	name                          ParsedName // zero where the name has variables; see local.name
	targets                       []text
	remove                        bool
}

// ruleDecl is one item of rules, ignore or require, as its layer says: something about the
// functions that its selector chooses.
type ruleDecl struct {
	*source // shared by the forms that the item has in the targets
	selector
	id        int  // among the items of the document
	variables bool // it has some, so that targets have forms of their own

	qualifiers []qualifier // of a rule
	reason     string      // of an item of ignore
	until      text        // the same; its last day
	require    requirement // of an item of require
}

// describe is the item's name in quotes, or where it stands when it has none.
func (r *ruleDecl) describe() string {
	if r.rule != "" {
		return fmt.Sprintf("%q", r.rule)
	}
	return r.origin().LayerName()
}

// byLayer are the items of one layer.
func byLayer(items []*ruleDecl, l Layer) []*ruleDecl {
	return slice.Filter(items, func(r *ruleDecl) bool { return r.layer == l })
}

// target is the item of targets with a label; nil for the target of the current credentials.
func (d *Document) target(label string) *targetDecl {
	if i := slices.IndexFunc(d.targets, func(t targetDecl) bool { return t.name.value == label }); i >= 0 {
		return &d.targets[i]
	}
	return nil
}

// DeclaresTargets reports whether the files name targets. Where they do not, that of the
// current credentials is the only one.
func (d *Document) DeclaresTargets() bool { return len(d.targets) > 0 }

// Targets lists the targets without their entries, sorted. Where the files declare none it is
// ambient, and an error while that is not known.
func (d *Document) Targets(ambient Target) ([]TargetSpec, error) {
	if len(d.targets) == 0 && (ambient.Account == "" || ambient.Region == "") {
		return nil, errors.New("the fleet file declares no targets, and the current credentials name no account and region: " +
			"add targets to the file, or set AWS_REGION and credentials")
	}
	return d.specs(ambient), nil
}

// specs is Targets without the demand that the ambient target be known: while a file is checked
// nobody has credentials, and what can be said without them is said.
func (d *Document) specs(ambient Target) []TargetSpec {
	if len(d.targets) == 0 {
		return []TargetSpec{{Target: ambient}}
	}
	var all []TargetSpec
	for _, t := range d.targets {
		for _, at := range t.own() {
			all = append(all, TargetSpec{
				Target: at, Label: t.name.value, RoleARN: t.roleIn(at), ExternalID: t.externalID.value,
				Quota: t.quota, RateShare: t.rateShare, Err: t.unknown[at.Account], Unlisted: t.unlisted(),
			})
		}
	}
	slices.SortFunc(all, func(a, b TargetSpec) int { return a.Target.Compare(b.Target) })
	return all
}

// checkTargets finds what the targets section says twice or in contradiction.
//
// The same label, or the same account and region, may be declared once in all files. Nothing
// here needs a network: that the credentials are the account's is checked when it is opened.
func (d *Document) checkTargets(out *collector) {
	labels, taken := map[string]*targetDecl{}, map[Target]Pos{}
	for t := range slice.Pointers(d.targets) {
		report := func(at place, code, message, hint string, also ...Pos) {
			out.report(t.file.pos(at), code, message, hint, also...)
		}
		if first := labels[t.name.value]; first != nil {
			pos := first.file.pos(first.name.place)
			report(t.name.place, codeDuplicateTarget, fmt.Sprintf("the label %q is taken by the target at %s", t.name.value, pos),
				"give each target its own label", pos)
		}
		labels[t.name.value] = t
		regions := t.regionsWritten()
		for _, region := range regions {
			key := Target{t.account.value, region.value}
			pos := t.file.pos(region.place)
			// Which accounts an organization has is not known yet: WithMembers sees to it that none
			// is a target twice.
			if first, twice := taken[key]; twice && t.organization == nil {
				report(region.place, codeDuplicateTarget, fmt.Sprintf("%s is declared at %s already", key, first), "keep one of them", first)
			}
			taken[key] = pos
			if near := misspeltRegion(region.value); near != "" {
				report(region.place, codeUnknownRegion, fmt.Sprintf("no region called %s is known", region.value), fmt.Sprintf("did you mean %s?", near))
			}
			if first := regions[0].value; partitionOf(first) != partitionOf(region.value) {
				report(region.place, codeMixedPartitions,
					fmt.Sprintf("%s is in the partition %s, %s in %s", region.value, partitionOf(region.value), first, partitionOf(first)),
					"an account lives in one partition: use a target for each")
			}
		}
		if t.organization != nil {
			continue
		}
		if t.role.value == "" {
			if t.externalID.value != "" {
				report(t.externalID.place, codeStrayExternalID, "external_id has no role_arn to go with", "add role_arn, or delete external_id")
			}
			continue
		}
		// A role of another account would open that one under this one's name. Of an organization
		// the account is not known here; its role is built of it.
		role, _ := arn.Parse(t.role.value)
		if partition := partitionOf(t.regions[0].value); role.AccountID != t.account.value || role.Partition != partition {
			report(t.role.place, codeBadRole,
				fmt.Sprintf("the role is of account %s in partition %s, the target of %s in %s", role.AccountID, role.Partition, t.account.value, partition),
				"name a role of the target's own account")
		}
	}
}

// checkLabels finds labels that no target has.
//
// Where a target itself was wrong and left out nothing is said: its label would be missing
// wherever it is used.
func (d *Document) checkLabels(out *collector) {
	if d.damagedTargets {
		return
	}
	// Every label that is used, and not each once: a person mends them where they stand.
	labels := slice.Unique(slice.Map(d.targets, func(t targetDecl) string { return t.name.value }))
	check := func(file *fileDecl, used []text) {
		for _, u := range used {
			if slices.Contains(labels, u.value) {
				continue
			}
			hint := "declare it under targets"
			if len(labels) > 0 {
				hint = suggest(u.value, labels, "use "+strings.Join(labels, ", "))
			}
			out.report(file.pos(u.place), codeUnknownLabel, fmt.Sprintf("no target is called %q", shorten(u.value)), hint)
		}
	}
	for _, r := range d.rules {
		check(r.file, r.targets)
	}
	for _, f := range d.functions {
		check(f.file, f.targets)
	}
}

// checkRules finds rules that would set nothing.
//
// It also finds the defaults of the fleet, which only one file may have. A rule that sets
// nothing itself is right where there are defaults, since it says which functions get them.
func (d *Document) checkRules(out *collector) {
	for _, file := range d.files {
		switch def := &file.defaults; {
		case def.line > 0 && def.set.isZero() && out.errors.total == 0:
			out.report(def.pos(), codeManagesNothing, "the defaults set nothing", "add a setting, or delete the section")
		case def.fleet && d.defaults != nil:
			out.report(def.pos(), codeSecondSection, fmt.Sprintf("second defaults for the whole fleet, the first are at %s", d.defaults.pos()),
				"keep one of them, or delete scope from the other", d.defaults.pos())
		case def.fleet:
			d.defaults = def
		}
	}
	for _, r := range d.rules {
		if r.layer == LayerRule && r.set.isZero() && r.file.defaults.set.isZero() && d.defaults == nil {
			out.report(r.pos(), codeManagesNothing, fmt.Sprintf("the rule %s sets nothing", r.describe()), "add set with a field, or delete the rule")
		}
	}
}

// covers reports whether a list of labels includes one; an empty list is all.
func covers(labels []text, label string) bool {
	return len(labels) == 0 || slices.ContainsFunc(labels, func(t text) bool { return t.value == label })
}
