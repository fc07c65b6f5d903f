package reconcile

import (
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// isVersion reports whether a qualifier is a published version's number; AWS
// does not allow an alias of digits only.
func isVersion(qualifier string) bool {
	return qualifier != "" && strings.Trim(qualifier, "0123456789") == ""
}

// latestPublished is a version that Lambda keeps by itself. No listing shows it.
const latestPublished = "$LATEST.PUBLISHED"

// isAlias reports whether a qualifier is an alias's name: whatever is neither
// $LATEST, its published form, nor a number.
func isAlias(qualifier string) bool {
	return qualifier != desired.Latest && qualifier != latestPublished && !isVersion(qualifier)
}

// following is the step after the current one. Aliases come before versions, and
// either is skipped unless a qualifier of its kind has to be known. Aliases that are
// known from before are not listed again, unless a record stands under one that came, or
// went, since then: it shows that the list is older than the record.
//
// So a function of which only $LATEST is declared costs one call, and one with an alias two.
func (j *surveyJob) following() surveyStep {
	if j.step == stepConfigs && j.listed {
		if j.strayAlias() {
			return stepAliases
		}
		j.exists = map[string]bool{}
		for _, alias := range j.known {
			j.exists[alias] = true
		}
		j.noteAliases(j.known)
	} else if j.step == stepConfigs && j.asksFor(isAlias) {
		return stepAliases
	}
	if j.step <= stepAliases && j.asksFor(isVersion) {
		return stepVersions
	}
	return stepDone
}

// strayAlias reports whether a record stands under an alias that is not among the known.
func (j *surveyJob) strayAlias() bool {
	return slices.ContainsFunc(j.observed.Records, func(r ObservedRecord) bool { return isAlias(r.Qualifier) && !slices.Contains(j.known, r.Qualifier) })
}

// asksFor reports whether it is to be known which qualifiers of a kind exist.
//
// Declared qualifiers are asked about for the plan's sake; those of records that are to be
// deleted or put back, because none comes back under one that is gone; other undeclared
// ones only where orphans are looked for.
func (j *surveyJob) asksFor(kind func(string) bool) bool {
	return j.pending(kind) || slices.ContainsFunc(j.entries, func(e desired.Entry) bool {
		return kind(e.Qualifier) && e.Remove && e.Optional
	}) || slices.ContainsFunc(j.observed.Records, func(r ObservedRecord) bool {
		at := slices.IndexFunc(j.entries, func(e desired.Entry) bool { return e.Qualifier == r.Qualifier })
		return kind(r.Qualifier) && (at < 0 && j.orphans || at >= 0 && j.entries[at].Remove)
	})
}

// pending reports whether a declared qualifier of a kind must exist.
func (j *surveyJob) pending(kind func(string) bool) bool {
	return slices.ContainsFunc(j.entries, func(e desired.Entry) bool { return kind(e.Qualifier) && mustExist(&e) })
}

// mustExist reports whether a config depends on its qualifier: all do but those that are
// to have no record. A record proves nothing, since AWS keeps it when its alias or version
// is deleted, and no event can reach it then.
//
// A pattern is no qualifier, and is told of as unreadable elsewhere.
func mustExist(e *desired.Entry) bool {
	return e.Qualifier != desired.Latest && !e.Remove && !e.Pattern
}

// noteAliases records the aliases of the function, which are those that exist.
func (j *surveyJob) noteAliases(all []string) {
	j.observed.Aliases, j.observed.AliasesListed = all, true
	j.noteGone(isAlias)
}

// noteQualifiers records what the current step has found out.
func (j *surveyJob) noteQualifiers() {
	if j.step == stepVersions {
		j.observed.VersionsListed = true
		j.noteGone(isVersion)
		return
	}
	all := slices.Sorted(maps.Keys(j.exists))
	if j.listed {
		j.observed.Appeared = slices.DeleteFunc(slices.Clone(all), func(a string) bool { return slices.Contains(j.known, a) })
	}
	j.noteAliases(all)
}

// noteGone records which qualifiers of a kind do not exist, of those that are declared or
// hold a record.
//
// $LATEST.PUBLISHED is of neither kind, since no listing could show that it is gone.
func (j *surveyJob) noteGone(kind func(string) bool) {
	note := func(qualifier string) {
		if kind(qualifier) && !j.exists[qualifier] && !slices.Contains(j.observed.Gone, qualifier) {
			j.observed.Gone = append(j.observed.Gone, qualifier)
		}
	}
	for i := range j.entries {
		if !j.entries[i].Pattern {
			note(j.entries[i].Qualifier)
		}
	}
	for i := range j.observed.Records {
		note(j.observed.Records[i].Qualifier)
	}
}

// findLatestOnly finds the classic mistake: callers use an alias, and settings
// do not carry over from $LATEST to it. It costs no call of its own, so a
// function whose aliases hold no record and were not listed is not found out.
func (p *TargetPlan) findLatestOnly(function *ObservedFunction, entries []desired.Entry) {
	if len(entries) != 1 || entries[0].Qualifier != desired.Latest || entries[0].Remove {
		return
	}
	if len(function.Aliases) > len(function.Appeared) {
		p.Findings = append(p.Findings, Finding{Name: entries[0].Name, Kind: FindingLatestOnly, Origins: entries[0].Origins})
	}
}

// qualifierWarnings tells of qualifiers of rules that no function has, as far as was read.
func qualifierWarnings(fleet desired.Fleet, observed Observed) desired.Problems {
	return fleet.UnusedQualifiers(func(k desired.Key) (aliases []string, gone bool) {
		f := FindTarget(observed.Targets, k.Target).function(k.Function)
		if f == nil || !slices.Contains(f.Gone, k.Qualifier) {
			return nil, false
		}
		return f.Aliases, true
	})
}
