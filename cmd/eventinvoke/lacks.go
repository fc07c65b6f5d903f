package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// lacks are the reasons why a run whose calls were all answered is not complete, each in
// words: what is not there, what is not known, what is older than it may be.
func lacks(r *reconcile.RunResult, about verdict) (all []error) {
	add := func(format string, a ...any) { all = append(all, fmt.Errorf(format, a...)) }
	missing := map[reconcile.FindingKind]string{}
	if about >= aboutFleet && r.Fleet.MissingFunctions == desired.MissingError {
		missing[reconcile.FindingFunctionMissing] = "no such function"
	}
	if about >= aboutFleet && r.Fleet.MissingQualifiers == desired.MissingError {
		missing[reconcile.FindingQualifierMissing] = "no such alias or version"
	}
	for t := range slice.Pointers(r.Plan.Targets) {
		for j := range t.Findings {
			if why := missing[t.Findings[j].Kind]; why != "" {
				add("%s: %s", desired.Key{Target: t.Target, Name: t.Findings[j].Name}, why)
			}
		}
		if t.Evidence != nil && t.Evidence.TooOld { // as at the end of a run that took hours
			add("%s: something carried had grown too old by the time the plan was made; run again", t.Target)
		}
		for _, u := range t.Unjudged {
			why := cmp.Or(u.Err, t.Err, t.Stopped, r.Stopped, reconcile.ErrNotReached)
			add("%s/%s could not be held against the requirements: %w", t.Target, u.Function, why)
		}
	}
	if r.InsightPolicy == reconcile.InsightsRequired {
		for _, u := range r.Insights.Unavailable {
			add("not known: %s: %w", u.What, u.Err)
		}
	}
	return all
}

// untold are the failures of a run as the engine returned them, and every other reason for
// its exit code: a cause that several things have of one failure, such as a function that
// could not be read and so not judged, once.
func untold(r *reconcile.RunResult, about verdict, failures error) []error {
	all := slices.Clone(failuresOf(failures))
	told := map[string]bool{}
	for _, err := range all {
		told[err.Error()] = true
		if cause := errors.Unwrap(err); cause != nil {
			told[cause.Error()] = true
		}
	}
	for _, err := range lacks(r, about) {
		if cause := errors.Unwrap(err); cause == nil || !told[cause.Error()] {
			all = append(all, err)
		}
	}
	for key, c := range r.Outcome.All() {
		if c.Status == reconcile.Stale {
			all = append(all, fmt.Errorf("%s: left alone: the record is no longer what was seen; plan again", key))
		}
	}
	if len(all) == 0 && about >= aboutFleet && nothingCompared(r.Plan.Counts()) {
		all = append(all, errors.New("nothing was compared: no declared function, alias or version exists"))
	}
	return all
}
