package awssim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// flaw is one thing wrong with a scenario. Its path is that of the YAML key.
type flaw struct{ path, text string }

var (
	accountPattern  = regexp.MustCompile(`^\d{12}$`)
	regionPattern   = regexp.MustCompile(`^(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d$`)
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	aliasPattern    = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	versionPattern  = regexp.MustCompile(`^[0-9]+$`)
	seriesPattern   = regexp.MustCompile(`%(0?[1-9])?d`)
	actionPattern   = regexp.MustCompile(`^(\*|[a-z-]+:[A-Za-z*?]+)$`)
	roleNamePattern = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
)

// check returns everything wrong with s, in the order of the scenario.
func check(s *Scenario) []flaw {
	c := checker{}
	c.that(s.Version == 0 || s.Version == 1, "version", "version %d is not known; write version: 1", s.Version)
	c.that(s.Latency >= 0, "latency", "a latency cannot be negative; write a duration such as 40ms")
	c.quota(s.Quota)
	c.faults(s.Faults)
	c.that(len(s.Accounts) > 0, "accounts", `no account; list at least one, as "- account: \"111111111111\""`)
	seen := map[string]bool{}
	for i, a := range s.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		c.account(path, a)
		c.that(!seen[a.Account], path+".account", "account %s is listed twice; merge its regions", a.Account)
		seen[a.Account] = true
	}
	return c.flaws
}

type checker struct{ flaws []flaw }

func (c *checker) that(ok bool, path, format string, args ...any) {
	if !ok {
		c.flaws = append(c.flaws, flaw{path, fmt.Sprintf(format, args...)})
	}
}

// first is the first flaw as an error, or nil.
func (c *checker) first() error {
	if len(c.flaws) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", c.flaws[0].path, c.flaws[0].text)
}

func (c *checker) quota(q Quota) {
	c.that(q.Rate >= 0, "quota.rate", "a rate cannot be negative; 0 is no quota")
	c.that(q.Rate > 0 || q.Burst == 0, "quota.burst", "a burst without a rate limits nothing; set rate too")
	c.that(q.Burst == 0 || q.Burst >= 1, "quota.burst", "burst %v is below 1, which would admit no call at all; use 1 or more", q.Burst)
	c.that(slices.Contains([]string{"", "bucket", "window"}, q.Shape), "quota.shape", "shape %q is not known; use bucket or window", q.Shape)
	c.that(q.Shape != "window" || q.Burst == 0, "quota.burst", "a window has no burst; delete the key, or use shape: bucket")
	c.that(q.Shape != "window" || q.Rate == 0 || q.Rate >= 1, "quota.rate", "a window of one second needs a rate of 1 or more")
	c.that(q.GetFunctionRate >= 0, "quota.get_function_rate", "a rate cannot be negative; leave it out for the documented 100")
	c.that(q.RetryAfter >= 0, "quota.retry_after", "retry_after cannot be negative; leave it out for no header")
	c.chance("quota.throttling_exception", q.ThrottlingException)
}

func (c *checker) faults(f Faults) {
	for _, k := range []struct {
		name   string
		chance float64
	}{
		{"throttle", f.Throttle}, {"conflict", f.Conflict}, {"server_error", f.ServerError}, {"reset", f.Reset},
		{"lost", f.Lost}, {"truncate", f.Truncate}, {"short_page", f.ShortPage},
	} {
		c.chance("faults."+k.name, k.chance)
	}
	c.that(f.Merge == "" || f.Merge == "replace", "faults.merge", "merge %q is not known; write replace, or leave it out to merge as AWS does", f.Merge)
}

func (c *checker) chance(path string, p float64) {
	c.that(p >= 0 && p <= 1, path, "%v is not a chance; use a number from 0 to 1", p)
}

func (c *checker) actions(path string, actions []string) {
	for i, a := range actions {
		c.that(actionPattern.MatchString(a), fmt.Sprintf("%s[%d]", path, i), "%q is not an IAM action; write one such as lambda:ListFunctions or lambda:*", a)
	}
}

func (c *checker) account(path string, a Account) {
	c.that(accountPattern.MatchString(a.Account), path+".account", "account %q is not 12 digits; write them in quotes, as \"111111111111\"", a.Account)
	c.actions(path+".deny", a.Deny)
	for i, r := range a.Roles {
		p := fmt.Sprintf("%s.roles[%d]", path, i)
		c.that(roleNamePattern.MatchString(r.Name), p+".name", "%q is not a role name; write the name without path or ARN", r.Name)
		c.that(r.ExpiresAfter >= 0, p+".expires_after", "expires_after cannot be negative; leave it out to keep the promised expiry")
		c.actions(p+".deny", r.Deny)
	}
	for _, region := range slices.Sorted(maps.Keys(a.Regions)) {
		p := path + ".regions." + region
		c.that(regionPattern.MatchString(region), p, "%q is not a region; write one such as us-east-1", region)
		c.actions(p+".deny", a.Regions[region].Deny)
		c.functions(p, a.Regions[region].Functions)
	}
}

func (c *checker) functions(path string, functions []Function) {
	at := map[string]string{}
	for i, f := range functions {
		p := fmt.Sprintf("%s.functions[%d]", path, i)
		before := len(c.flaws)
		if c.function(p, f); len(c.flaws) > before {
			continue
		}
		for _, name := range f.names() {
			first, twice := at[name]
			if twice {
				c.that(false, p+".name", "function %s is there already, from %s; rename one", name, first)
				break
			}
			at[name] = p
		}
	}
}

func (c *checker) function(path string, f Function) {
	verbs := seriesPattern.FindAllString(f.Name, -1)
	series := len(verbs) == 1 && strings.Count(f.Name, "%") == 1
	switch {
	case f.Count < 0:
		c.that(false, path+".count", "count cannot be negative; leave it out for one function")
	case f.Count > maxCount:
		c.that(false, path+".count", "count %d is more than a world holds; use at most %d", f.Count, maxCount)
	case f.Count > 0 && !series:
		c.that(false, path+".name", "name %q needs exactly one number pattern for its count, as in \"orders-%%03d\"", f.Name)
	case f.Count == 0 && strings.Contains(f.Name, "%"):
		c.that(false, path+".name", "name %q has a number pattern but no count; add count, or delete the pattern", f.Name)
	default:
		last := f.Name
		if f.Count > 0 {
			last = fmt.Sprintf(f.Name, f.Count-1)
		}
		c.that(namePattern.MatchString(last), path+".name", "%q is not a function name; use 1 to 64 letters, digits, - and _", last)
	}
	for i, v := range f.Versions {
		c.that(versionPattern.MatchString(v), fmt.Sprintf("%s.versions[%d]", path, i), "%q is not a version; write a number in quotes", v)
	}
	for i, a := range f.Aliases {
		c.that(aliasPattern.MatchString(a) && !versionPattern.MatchString(a), fmt.Sprintf("%s.aliases[%d]", path, i),
			"%q is not an alias; use letters, digits, - and _, not digits alone", a)
	}
	c.that(f.BusyFor >= 0, path+".busy_for", "busy_for cannot be negative; leave it out for a function that is free")
	c.actions(path+".deny", f.Deny)
	c.actions(path+".throttled", f.Throttled)
	for _, q := range slices.Sorted(maps.Keys(f.Records)) {
		c.record(path+".records."+q, q, f.Records[q])
	}
}

func (c *checker) record(path, qualifier string, r Record) {
	c.that(qualifier == latest || aliasPattern.MatchString(qualifier), path, "%q is not a qualifier; use $LATEST, a version or an alias", qualifier)
	if n := r.MaximumRetryAttempts; n != nil {
		c.that(*n >= minRetries && *n <= maxRetries, path+".maximum_retry_attempts", "%d is out of range; use 0 to 2", *n)
	}
	if n := r.MaximumEventAgeInSeconds; n != nil {
		c.that(*n >= minAge && *n <= maxAge, path+".maximum_event_age_in_seconds", "%d is out of range; use 60 to 21600", *n)
	}
}

// maxCount keeps a slip of the finger in a count from filling the memory.
const maxCount = 1_000_000

// names lists the functions that f, which check found no fault in, stands for.
func (f Function) names() []string {
	if f.Count == 0 {
		return []string{f.Name}
	}
	names := make([]string, f.Count)
	for i := range names {
		names[i] = fmt.Sprintf(f.Name, i)
	}
	return names
}
