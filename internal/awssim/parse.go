package awssim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseScenario reads a scenario file. It is strict: an unknown key, a wrong type
// or a value out of range is an error. The error names every such place as
// name:line, with what to write there. A file without a quota gets AWS's own: 15
// calls a second.
func ParseScenario(name string, r io.Reader) (*Scenario, error) {
	dec := yaml.NewDecoder(r)
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s:1: the scenario is empty; start with version: 1 and accounts", name)
		}
		return nil, fmt.Errorf("%s: %w; mend the YAML", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document; a scenario is one document, so delete the ---", name)
	}
	p := parser{name: name, lines: map[string]int{}}
	s := &Scenario{Quota: Quota{Rate: 15, Burst: 15}}
	top := root.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: a scenario is a mapping of keys; start with version: 1 and accounts", name, top.Line)
	}
	p.walk(top, reflect.TypeFor[Scenario](), "")
	if _, own := p.lines["quota"]; own {
		s.Quota = Quota{}
	}
	if _, stated := p.lines["version"]; !stated {
		p.say(top.Line, "version: 1 is missing; add it as the first line")
	}
	if len(p.errs) == 0 {
		p.decode(top, s)
	}
	if len(p.errs) == 0 {
		p.problems(check(s))
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return s, nil
}

type parser struct {
	name  string
	lines map[string]int // the line of each key, by path
	errs  []error
}

func (p *parser) say(line int, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: "+format, append([]any{p.name, line}, args...)...))
}

// walk checks the keys of n against the fields of t, and notes their lines. The
// decoder's own strictness names Go types and does not say what to write.
func (p *parser) walk(n *yaml.Node, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.AliasNode:
		p.walk(n.Alias, t, path)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			p.lines[at] = item.Line
			p.walk(item, t.Elem(), at)
		}
	case n.Kind == yaml.MappingNode:
		p.mapping(n, t, path)
	}
}

func (p *parser) mapping(n *yaml.Node, t reflect.Type, path string) {
	for pair := range slices.Chunk(n.Content, 2) {
		key, value := pair[0], pair[1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		p.lines[at] = key.Line
		switch t.Kind() {
		case reflect.Map:
			p.walk(value, t.Elem(), at)
		case reflect.Struct:
			i := slices.Index(keys(t), key.Value)
			if i < 0 {
				p.say(key.Line, "key %q is not known here; known are %s", key.Value, strings.Join(keys(t), ", "))
				continue
			}
			if value.Tag == "!!null" {
				p.say(key.Line, "%s has no value; give it one or delete the key", key.Value)
				continue
			}
			p.walk(value, t.Field(i).Type, at)
		}
	}
}

// keys lists the YAML keys of a struct in the order of its fields.
func keys(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		list = append(list, t.Field(i).Tag.Get("yaml"))
	}
	return list
}

var typeError = regexp.MustCompile("^line (\\d+): cannot unmarshal !!(\\w+) (?:`(.*)` )?into (.*)$")

// kinds says in a reader's words what a field of a Go type wants.
var kinds = map[string]string{
	"time.Duration": "a duration such as 40ms or 3s", "time.Time": "a time such as 2026-01-31T12:00:00Z",
	"int": "a whole number", "uint64": "a whole number of 0 or more", "float64": "a number", "bool": "true or false", "string": "a text in quotes",
}

func (p *parser) decode(n *yaml.Node, s *Scenario) {
	err := n.Decode(s)
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %w; mend the YAML", p.name, err))
		}
		return
	}
	for _, text := range wrong.Errors {
		m := typeError.FindStringSubmatch(text)
		if m == nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %s", p.name, text))
			continue
		}
		line, _ := strconv.Atoi(m[1])
		want, known := kinds[m[4]]
		switch {
		case known:
		case strings.HasPrefix(m[4], "[]"):
			want = "a list"
		default:
			want = "a mapping of keys"
		}
		p.say(line, "%s does not fit here; write %s", strings.TrimSpace(m[2]+" "+m[3]), want)
	}
}

// problems reports what check found, at the line of the nearest key that is there.
func (p *parser) problems(found []problem) {
	for _, f := range found {
		path, line := f.path, 1
		for at, ok := 0, false; path != "" && !ok; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
			if at, ok = p.lines[path]; ok {
				line = at
			}
		}
		p.say(line, "%w", f)
	}
}

// problem is one thing wrong with a scenario. Its path is that of the YAML key.
type problem struct{ path, text string }

func (p problem) Error() string { return p.path + ": " + p.text }

var (
	accountPattern  = regexp.MustCompile(`^\d{12}$`)
	regionPattern   = regexp.MustCompile(`^(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d$`)
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	aliasPattern    = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	versionPattern  = regexp.MustCompile(`^[0-9]+$`)
	seriesPattern   = regexp.MustCompile(`%(0?[1-9])?d`)
	actionPattern   = regexp.MustCompile(`^(\*|[a-z-]+:[A-Za-z*?]+)$`)
	authorPattern   = regexp.MustCompile(`^(root|user/[\w+=,.@-]+|role/[\w+=,.@-]+(/[\w+=,.@-]+)?)$`)
	roleNamePattern = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
)

// check returns everything wrong with s, in the order of the scenario.
func check(s *Scenario) []problem {
	c := validator{}
	c.require(s.Version == 0 || s.Version == 1, "version", "version %d is not known; write version: 1", s.Version)
	c.require(s.Latency >= 0, "latency", "a latency cannot be negative; write a duration such as 40ms")
	c.quota(s.Quota)
	c.faults(s.Faults)
	c.trail(s.Trail)
	for i, arn := range s.Destinations {
		_, _, resource := splitARN(arn)
		c.require(resource != "", fmt.Sprintf("destinations[%d]", i), "%q is not an ARN; write that of a queue, a topic, a bus or a bucket", arn)
	}
	c.require(len(s.Accounts) > 0, "accounts", `no account; list at least one, as "- account: \"111111111111\""`)
	seen := map[string]bool{}
	for i, a := range s.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		c.account(path, a)
		c.require(!seen[a.Account], path+".account", "account %s is listed twice; merge its regions", a.Account)
		seen[a.Account] = true
	}
	return c.problems
}

type validator struct{ problems []problem }

func (c *validator) require(ok bool, path, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, problem{path, fmt.Sprintf(format, args...)})
	}
}

// valid is the first problem that a check finds, or nil.
func valid(check func(*validator)) error {
	c := validator{}
	if check(&c); len(c.problems) > 0 {
		return fmt.Errorf("awssim: %w", c.problems[0])
	}
	return nil
}

func (c *validator) quota(q Quota) {
	c.require(q.Rate >= 0, "quota.rate", "a rate cannot be negative; 0 is no quota")
	c.require(q.Rate > 0 || q.Burst == 0, "quota.burst", "a burst without a rate limits nothing; set rate too")
	c.require(q.Burst == 0 || q.Burst >= 1, "quota.burst", "burst %v is below 1, which would admit no call at all; use 1 or more", q.Burst)
	c.require(slices.Contains([]string{"", "bucket", "window"}, q.Shape), "quota.shape", "shape %q is not known; use bucket or window", q.Shape)
	c.require(q.Shape != "window" || q.Burst == 0, "quota.burst", "a window has no burst; delete the key, or use shape: bucket")
	c.require(q.Shape != "window" || q.Rate == 0 || q.Rate >= 1, "quota.rate", "a window of one second needs a rate of 1 or more")
	c.require(q.GetFunctionRate >= 0, "quota.get_function_rate", "a rate cannot be negative; leave it out for the documented 100")
	c.require(q.RetryAfter >= 0, "quota.retry_after", "retry_after cannot be negative; leave it out for no header")
	c.chance("quota.throttling_exception", q.ThrottlingException)
}

func (c *validator) faults(f Faults) {
	for i, all := 0, reflect.ValueOf(f); i < all.NumField(); i++ {
		if all.Field(i).CanFloat() {
			c.chance("faults."+keys(all.Type())[i], all.Field(i).Float())
		}
	}
	c.require(f.Merge == "" || f.Merge == "replace", "faults.merge", "merge %q is not known; write replace, or leave it out to merge as AWS does", f.Merge)
}

func (c *validator) chance(path string, p float64) {
	c.require(p >= 0 && p <= 1, path, "%v is not a chance; use a number from 0 to 1", p)
}

func (c *validator) actions(path string, actions []string) {
	for i, a := range actions {
		c.require(actionPattern.MatchString(a), fmt.Sprintf("%s[%d]", path, i), "%q is not an IAM action; write one such as lambda:ListFunctions or lambda:*", a)
	}
}

func (c *validator) account(path string, a Account) {
	c.require(accountPattern.MatchString(a.Account), path+".account", "account %q is not 12 digits; write them in quotes, as \"111111111111\"", a.Account)
	c.actions(path+".deny", a.Deny)
	for i, r := range a.Roles {
		p := fmt.Sprintf("%s.roles[%d]", path, i)
		c.require(roleNamePattern.MatchString(r.Name), p+".name", "%q is not a role name; write the name without path or ARN", r.Name)
		c.require(r.ExpiresAfter >= 0, p+".expires_after", "expires_after cannot be negative; leave it out to keep the promised expiry")
		c.actions(p+".deny", r.Deny)
	}
	for i, r := range a.Senders {
		p := fmt.Sprintf("%s.senders[%d]", path, i)
		c.require(roleNamePattern.MatchString(r.Role), p+".role", "%q is not a role name; write the name without path or ARN", r.Role)
		c.require(r.After >= 0, p+".after", "after cannot be negative; leave it out for a permission that is there from the start")
	}
	for _, region := range slices.Sorted(maps.Keys(a.Regions)) {
		p := path + ".regions." + region
		c.require(regionPattern.MatchString(region), p, "%q is not a region; write one such as us-east-1", region)
		c.actions(p+".deny", a.Regions[region].Deny)
		c.functions(p, a.Regions[region].Functions)
	}
}

func (c *validator) functions(path string, functions []Function) {
	at := map[string]string{}
	for i, f := range functions {
		p := fmt.Sprintf("%s.functions[%d]", path, i)
		before := len(c.problems)
		if c.function(p, f); len(c.problems) > before {
			continue
		}
		for _, name := range f.names() {
			first, twice := at[name]
			if twice {
				c.require(false, p+".name", "function %s is there already, from %s; rename one", name, first)
				break
			}
			at[name] = p
		}
	}
}

func (c *validator) function(path string, f Function) {
	verbs := seriesPattern.FindAllString(f.Name, -1)
	series := len(verbs) == 1 && strings.Count(f.Name, "%") == 1
	switch {
	case f.Count < 0:
		c.require(false, path+".count", "count cannot be negative; leave it out for one function")
	case f.Count > maxCount:
		c.require(false, path+".count", "count %d is more than a world holds; use at most %d", f.Count, maxCount)
	case f.Count > 0 && !series:
		c.require(false, path+".name", "name %q needs exactly one number pattern for its count, as in \"orders-%%03d\"", f.Name)
	case f.Count == 0 && strings.Contains(f.Name, "%"):
		c.require(false, path+".name", "name %q has a number pattern but no count; add count, or delete the pattern", f.Name)
	default:
		last := f.Name
		if f.Count > 0 {
			last = fmt.Sprintf(f.Name, f.Count-1)
		}
		c.require(namePattern.MatchString(last), path+".name", "%q is not a function name; use 1 to 64 letters, digits, - and _", last)
	}
	for i, v := range f.Versions {
		c.require(versionPattern.MatchString(v), fmt.Sprintf("%s.versions[%d]", path, i), "%q is not a version; write a number in quotes", v)
	}
	for i, a := range f.Aliases {
		c.require(aliasPattern.MatchString(a) && !versionPattern.MatchString(a), fmt.Sprintf("%s.aliases[%d]", path, i),
			"%q is not an alias; use letters, digits, - and _, not digits alone", a)
	}
	c.require(f.BusyFor >= 0, path+".busy_for", "busy_for cannot be negative; leave it out for a function that is free")
	c.actions(path+".deny", f.Deny)
	c.actions(path+".throttled", f.Throttled)
	for _, q := range slices.Sorted(maps.Keys(f.Records)) {
		c.record(path+".records."+q, q, f.Records[q])
	}
}

func (c *validator) record(path, qualifier string, r Record) {
	c.require(qualifier == latest || aliasPattern.MatchString(qualifier), path, "%q is not a qualifier; use $LATEST, a version or an alias", qualifier)
	c.require(r.Age >= 0, path+".age", "an age cannot be negative; write a duration such as 2h")
	c.require(r.Age == 0 || r.LastModified.IsZero(), path+".age", "age and last_modified say the same; keep one")
	c.require(r.By == "" || authorPattern.MatchString(r.By), path+".by", "%q is nobody; write user/NAME, role/NAME, role/NAME/SESSION or root", r.By)
	c.require(r.Agent == "" || r.By != "", path+".agent", "an agent of nobody; say by whom")
	for _, s := range settings {
		if n, is := s.field(&r).(**int); is && *n != nil {
			c.require(**n >= s.low && **n <= s.high, path+"."+s.yaml, "%d is out of range; use %d to %d", **n, s.low, s.high)
		}
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
