package reconcile

import "github.com/eventinvoke/eventinvoke/desired"

// PlanCounts are the totals of a plan.
//
// All are configs, save where a line says functions or targets. Of one target they add up:
//
//	Declared = InSync + Skipped + the changes of declared configs + the findings about them
//
// Deletes, Undeclared and Orphans may be about records that nobody declared, and Ignored,
// Stale and LatestOnly stand beside that sum.
type PlanCounts struct {
	Declared, InSync, Skipped, Ignored  int
	Creates, Updates, Deletes           int // by Change.Kind
	Stale                               int
	Unreadable, NotExamined             int
	MissingFunctions, MissingQualifiers int
	Undeclared, Orphans, LatestOnly     int
	Judged, Breaches, Unjudged          int // functions, breaches of requirements, functions
	UnreadableTargets                   int
	UnknownTargets                      int // of them, those of which nobody knows how many configs they have
}

// Changes is the number of writes.
//
// It is what the guard's max_changes is held against. Stale changes are not writes.
func (c PlanCounts) Changes() int { return c.Creates + c.Updates + c.Deletes }

// Configs is how many of the declared configs can exist: it leaves out those
// whose function, alias or version is not there.
//
// Shares of the guard are of this number: a fleet file that declares a thousand configs of
// functions that are gone must not allow three hundred changes for it.
func (c PlanCounts) Configs() int {
	return c.Declared - c.Skipped - c.MissingFunctions - c.MissingQualifiers
}

// Lacking is how many of the configs whose function, alias or version is not there are an
// error by these policies.
func (c PlanCounts) Lacking(functions, qualifiers desired.MissingPolicy) (n int) {
	if functions == desired.MissingError {
		n += c.MissingFunctions
	}
	if qualifiers == desired.MissingError {
		n += c.MissingQualifiers
	}
	return n
}

// Counts adds up the whole plan.
func (p *Plan) Counts() (sum PlanCounts) {
	for i := range p.Targets {
		sum.add(&p.Targets[i])
	}
	return sum
}

// Counts adds up one target.
func (p *TargetPlan) Counts() (sum PlanCounts) {
	sum.add(p)
	return sum
}

// add counts what a target's plan has, each change and each finding once.
func (c *PlanCounts) add(p *TargetPlan) {
	c.Declared += p.Declared
	c.InSync += p.InSync
	c.Skipped += p.Skipped
	c.Ignored += len(p.Ignored)
	c.Stale += len(p.Stale)
	c.Judged += p.Judged
	c.Breaches += len(p.Breaches)
	c.Unjudged += len(p.Unjudged)
	for i := range p.Changes {
		switch p.Changes[i].Kind() {
		case Create:
			c.Creates++
		case Update:
			c.Updates++
		case Delete:
			c.Deletes++
		}
	}
	for i := range p.Findings {
		switch p.Findings[i].Kind {
		case FindingUnreadable:
			c.Unreadable++
		case FindingNotExamined:
			c.NotExamined++
		case FindingFunctionMissing:
			c.MissingFunctions++
		case FindingQualifierMissing:
			c.MissingQualifiers++
		case FindingUndeclared:
			c.Undeclared++
		case FindingOrphan:
			c.Orphans++
		case FindingLatestOnly:
			c.LatestOnly++
		}
	}
	if p.Err != nil {
		c.UnreadableTargets++
		if p.Unknown {
			c.UnknownTargets++
		}
	}
}
