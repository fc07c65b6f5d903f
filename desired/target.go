package desired

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// DeclaresTargets reports whether the files name targets; where they do not,
// the current credentials' account and region is the only one.
func (d *Document) DeclaresTargets() bool { return len(d.targets) > 0 }

// Targets lists the targets without their entries, sorted, so that credentials
// can be arranged before anything is discovered. Where the files declare none
// it is ambient, the account and region of the current credentials.
func (d *Document) Targets(ambient Target) ([]TargetSpec, error) {
	if len(d.targets) == 0 && (ambient.Account == "" || ambient.Region == "") {
		return nil, errors.New("the fleet file declares no targets, and the current credentials name no account and region: " +
			"add targets to the file, or set AWS_REGION and credentials")
	}
	return d.places(ambient), nil
}

// places is Targets without the demand that the ambient target be known.
func (d *Document) places(ambient Target) []TargetSpec {
	if len(d.targets) == 0 {
		return []TargetSpec{{Target: ambient}}
	}
	var all []TargetSpec
	for _, t := range d.targets {
		for _, at := range t.places() {
			all = append(all, TargetSpec{
				Target: at, Label: t.name.value, RoleARN: t.roleIn(at), ExternalID: t.externalID.value,
				Quota: t.quota, RateShare: t.rateShare, Err: t.unknown[at.Account],
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
	labels, places := map[string]*targetDecl{}, map[Target]Pos{}
	for i := range d.targets {
		t := &d.targets[i]
		report := func(at place, code, message, hint string, also ...Pos) {
			out.add(Problem{Pos: t.file.pos(at), Code: code, Message: message, Hint: hint, Related: also})
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
			if first, taken := places[key]; taken && t.organization == nil {
				report(region.place, codeDuplicateTarget, fmt.Sprintf("%s is declared at %s already", key, first), "keep one of them", first)
			}
			places[key] = pos
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
		// A role of another account would open that one under this one's name.
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
	labels := d.labels()
	check := func(file *fileDecl, used []text) {
		for _, u := range used {
			if slices.Contains(labels, u.value) {
				continue
			}
			hint := "declare it under targets"
			if len(labels) > 0 {
				hint = suggest(u.value, labels, "use "+strings.Join(labels, ", "))
			}
			out.add(Problem{Pos: file.pos(u.place), Code: codeUnknownLabel,
				Message: fmt.Sprintf("no target is called %q", shorten(u.value)), Hint: hint})
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
			out.add(Problem{Pos: def.pos(), Code: codeManagesNothing, Message: "the defaults set nothing", Hint: "add a setting, or delete the section"})
		case def.fleet && d.defaults != nil:
			out.add(Problem{Pos: def.pos(), Code: codeSecondSection, Related: []Pos{d.defaults.pos()},
				Message: fmt.Sprintf("second defaults for the whole fleet, the first are at %s", d.defaults.pos()), Hint: "keep one of them, or delete scope from the other"})
		case def.fleet:
			d.defaults = def
		}
	}
	for _, r := range d.rules {
		if r.layer == LayerRule && r.set.isZero() && r.file.defaults.set.isZero() && d.defaults == nil {
			out.add(Problem{Pos: r.pos(), Code: codeManagesNothing,
				Message: fmt.Sprintf("the rule %s sets nothing", r.describe()),
				Hint:    "add set with a field, or delete the rule"})
		}
	}
}

// labels lists the labels of the targets, sorted, each once.
func (d *Document) labels() []string {
	var labels []string
	for _, t := range d.targets {
		labels = append(labels, t.name.value)
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// covers reports whether a list of labels includes one; an empty list is all.
func covers(labels []text, label string) bool {
	return len(labels) == 0 || slices.ContainsFunc(labels, func(t text) bool { return t.value == label })
}

// Inventory is what discovery found in each target. A target that is not in it
// was not looked at, or could not be read: rules say nothing there.
type Inventory map[Target]TargetInventory

// TargetInventory is what exists in one target.
type TargetInventory struct {
	Functions []string                     // names, sorted
	Tags      map[string]map[string]string // by function; only functions that have tags
	Details   map[string]FunctionDetails   // by function, of those that were listed just now
	// Aliases are those of the functions whose aliases were listed. What patterns for
	// aliases choose of any other function is not known.
	Aliases map[string][]string
}

// FunctionDetails are what a listing of functions tells beside the name.
type FunctionDetails struct {
	Role       string // the execution role, an ARN
	DeadLetter string // the dead-letter queue or topic of the function itself, an ARN; "" for none
}

// Tag is one demand on a function's tags: the key, with one of the values, or with any
// where there are none.
type Tag struct {
	Key    string
	Values []string
}

// Discovery is what must be discovered in one target before Resolve can decide
// everything there. One that asks for nothing costs nothing: exact entries
// are known from the file.
type Discovery struct {
	Target
	// ListFunctions asks for the names of all functions: some rule chooses
	// among them.
	ListFunctions bool
	// Tags are the sets of tags that rules and ignore ask for, sorted, each set
	// once. A function is of interest when it has all tags of one set. Tags of
	// other functions may be left out.
	Tags [][]Tag
	// Functions, when not empty, are those whose tags are wanted, in place of a search
	// by Tags: of all others it is known what an earlier run discovered.
	Functions []string
	// Aliases, when not nil, says of which functions, with these tags, the aliases are to
	// be listed: some rule chooses among them.
	Aliases func(function string, tags map[string]string) bool
	// MaxErrors is how many of these calls may fail before the target is given up.
	MaxErrors Limit
	// Reason are the rules and ignore items that ask for it.
	Reason []Origin
}

// IsZero reports whether neither names nor tags need to be discovered.
func (n Discovery) IsZero() bool { return !n.ListFunctions && len(n.Tags) == 0 }

// Discoveries says, for every target, what has to be discovered.
//
// Rules and requirements choose among all names there are. Ignore takes out of what these have
// chosen, so that it needs tags at most, and alone it asks for no listing. sel narrows what
// costs a call for each function, aliases, and nothing else: names and tags come by the page.
func (d *Document) Discoveries(ambient Target, sel Selection) []Discovery {
	var needs []Discovery
	for _, t := range d.places(ambient) {
		n := Discovery{Target: t.Target, MaxErrors: d.guard.MaxErrors}
		n.askAliases(d.local(t.Label))
		n.Aliases = sel.only(n.Aliases)
		for _, rule := range d.local(t.Label).rules {
			list := rule.layer != LayerIgnore
			if !list && !rule.usesTags() {
				continue
			}
			n.ListFunctions = n.ListFunctions || list
			for _, tags := range [][]tagPattern{rule.tags, rule.exclude.tags} {
				if len(tags) > 0 {
					n.Tags = append(n.Tags, search(tags))
				}
			}
			n.Reason = append(n.Reason, rule.origin())
		}
		slices.SortFunc(n.Tags, compareTags)
		n.Tags = slices.CompactFunc(n.Tags, func(a, b []Tag) bool { return compareTags(a, b) == 0 })
		needs = append(needs, n)
	}
	return needs
}

// compareTags orders sets of tags, so that what two rules ask for is asked once.
func compareTags(a, b []Tag) int {
	return slices.CompareFunc(a, b, func(x, y Tag) int {
		return cmp.Or(strings.Compare(x.Key, y.Key), slices.Compare(x.Values, y.Values))
	})
}
