package desired

import (
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
		for _, region := range t.regions {
			all = append(all, TargetSpec{
				Target: Target{Account: t.account.value, Region: region.value},
				Label:  t.name.value, RoleARN: t.role.value, ExternalID: t.externalID.value,
				Quota: t.quota, RateShare: t.rateShare,
			})
		}
	}
	slices.SortFunc(all, func(a, b TargetSpec) int { return a.Target.Compare(b.Target) })
	return all
}

// checkTargets finds what the targets section says twice or in contradiction.
func (d *Document) checkTargets(out *collector) {
	labels, places := map[string]*targetDecl{}, map[Target]Pos{}
	for i := range d.targets {
		t := &d.targets[i]
		report := func(at place, code, message, cure string, also ...Pos) {
			out.add(Problem{Pos: t.file.pos(at), Code: code, Message: message, Hint: cure, Related: also})
		}
		if first := labels[t.name.value]; first != nil {
			pos := first.file.pos(first.name.place)
			report(t.name.place, codeDuplicateTarget, fmt.Sprintf("the label %q is taken by the target at %s", t.name.value, pos),
				"give each target its own label", pos)
		}
		labels[t.name.value] = t
		for _, region := range t.regions {
			key := Target{t.account.value, region.value}
			pos := t.file.pos(region.place)
			if first, taken := places[key]; taken {
				report(region.place, codeDuplicateTarget, fmt.Sprintf("%s is declared at %s already", key, first), "keep one of them", first)
			}
			places[key] = pos
			if near := misspeltRegion(region.value); near != "" {
				report(region.place, codeUnknownRegion, fmt.Sprintf("no region called %s is known", region.value), fmt.Sprintf("did you mean %s?", near))
			}
			if first := t.regions[0].value; PartitionOf(first) != PartitionOf(region.value) {
				report(region.place, codeMixedPartitions,
					fmt.Sprintf("%s is in the partition %s, %s in %s", region.value, PartitionOf(region.value), first, PartitionOf(first)),
					"an account lives in one partition: use a target for each")
			}
		}
		if t.role.value == "" {
			if t.externalID.value != "" {
				report(t.externalID.place, codeStrayExternalID, "external_id has no role_arn to go with", "add role_arn, or delete external_id")
			}
			continue
		}
		role, _ := arn.Parse(t.role.value)
		if partition := PartitionOf(t.regions[0].value); role.AccountID != t.account.value || role.Partition != partition {
			report(t.role.place, codeBadRole,
				fmt.Sprintf("the role is of account %s in partition %s, the target of %s in %s", role.AccountID, role.Partition, t.account.value, partition),
				"name a role of the target's own account")
		}
	}
}

// checkLabels finds labels that no target has.
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
			cure := "declare it under targets"
			if near := nearest(u.value, labels); near != "" {
				cure = fmt.Sprintf("did you mean %s?", near)
			} else if len(labels) > 0 {
				cure = "use " + strings.Join(labels, ", ")
			}
			out.add(Problem{Pos: file.pos(u.place), Code: codeUnknownLabel,
				Message: fmt.Sprintf("no target is called %q", shorten(u.value)), Hint: cure})
		}
	}
	for i := range d.rules {
		check(d.rules[i].file, d.rules[i].selector.targets)
	}
	for i := range d.ignores {
		check(d.ignores[i].file, d.ignores[i].selector.targets)
	}
	for _, f := range d.functions {
		check(f.file, f.targets)
	}
}

// checkRules finds rules that would set nothing.
func (d *Document) checkRules(out *collector) {
	for i := range d.rules {
		if r := &d.rules[i]; r.set.isZero() && r.file.defaults.set.isZero() {
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
