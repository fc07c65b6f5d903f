package modeltest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// match is what rules and ignore have in common.
type match struct {
	functions, exclude []string
	tags, excludeTags  map[string][]string // one of the values each
	targets            []string
}

// exception is an item of ignore.
type exception struct {
	match
	reason, until string
}

// requirement is an item of require: numbers as "min max", either "".
type requirement struct {
	match
	name, failure string
	numbers       [2][2]string // as the settings: age, attempts
	destinations  []string
}

type rule struct {
	match
	qualifiers []string // none: $LATEST; some may be patterns for aliases
	set        settings
}

type entry struct {
	name, qualifier string
	spelt           string // how the file writes it, qualifier and all
	targets         []string
	set             settings
	remove          bool
}

type file struct {
	defaults settings
	forAll   bool // defaults of the fleet
	rules    []rule
	entries  []entry
	ignores  []exception
	requires []requirement
}

type fleet struct {
	places                 []place
	sections               string // targets, as YAML; "" leaves them out
	files                  []file
	maxChanges, maxDeletes string // "" leaves them out
	undeclared             string
	missingFunctions       string
	missingQualifiers      string
}

var (
	globs = []string{"*", "*-a", "pay-*", "pay-?", "{pay,web}-*", "batch-[ab]", "batch-[!a]", "web-a", "*-canary", "x", "nothing-*"}

	written = [4][]string{
		{"", "", "60", "3600", "21600"},
		{"", "0", "1", "2"},
		{"", "", "", "none", "arn:aws:sqs:${region}:${account}:done"},
		{"", "", "none", "arn:${partition}:sqs:${region}:${account}:dlq", "arn:aws:s3:::failed", "arn:aws:sqs:${region}:${account}:${function}-dlq", "arn:aws:sqs:${region}:${account}:${vars.team}"},
	}
)

// drawPlaces draws one or two targets, and how the fleet file names them.
func drawPlaces(t *rapid.T) ([]place, string) {
	const one, two = "111111111111", "222222222222"
	switch rapid.IntRange(0, 3).Draw(t, "targets") {
	case 0:
		return []place{{one, "eu-west-1", ""}}, ""
	case 1:
		return []place{{one, "eu-west-1", "prod"}, {one, "us-east-1", "prod"}},
			"targets:\n  - { name: prod, account: \"" + one + "\", regions: [eu-west-1, us-east-1], vars: { team: pay } }\n"
	case 2:
		return []place{{one, "eu-west-1", "prod"}, {one, "us-east-1", "stage"}},
			"targets:\n  - { name: prod, account: \"" + one + "\", regions: [eu-west-1], vars: { team: pay } }\n" +
				"  - { name: stage, account: \"" + one + "\", regions: [us-east-1], vars: { team: web } }\n"
	default:
		return []place{{one, "eu-west-1", "prod"}, {two, "eu-west-1", "stage"}},
			"targets:\n  - { name: prod, account: \"" + one + "\", regions: [eu-west-1], vars: { team: pay } }\n" +
				"  - { name: stage, account: \"" + two + "\", regions: [eu-west-1], role_arn: \"arn:aws:iam::" + two + ":role/eventinvoke\", vars: { team: web } }\n"
	}
}

func drawFleet(t *rapid.T, places []place, sections string) fleet {
	f := fleet{places: places, sections: sections}
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "files") {
		f.files = append(f.files, f.drawFile(t))
	}
	if i := slices.IndexFunc(f.files, func(x file) bool { return x.defaults != settings{} }); i >= 0 {
		f.files[i].forAll = rapid.Bool().Draw(t, "defaults of the fleet")
	}
	limits := []string{"", "0", "1", "5", "12", "0%", "10%", "33%", "50%", "75%", "100%", "100%", "100%", "300"}
	f.maxChanges = rapid.SampledFrom(limits).Draw(t, "max_changes")
	f.maxDeletes = rapid.SampledFrom(limits).Draw(t, "max_deletes")
	f.undeclared = rapid.SampledFrom([]string{"", "report", "delete"}).Draw(t, "undeclared")
	f.missingFunctions = rapid.SampledFrom([]string{"", "error", "warn"}).Draw(t, "missing_functions")
	f.missingQualifiers = rapid.SampledFrom([]string{"", "error", "warn"}).Draw(t, "missing_qualifiers")
	return f
}

func (f fleet) drawFile(t *rapid.T) file {
	var x file
	if rapid.IntRange(0, 2).Draw(t, "defaults") == 0 {
		x.defaults = f.drawSet(t)
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2, 3}).Draw(t, "rules") {
		r := rule{match: f.drawMatch(t), set: f.drawSet(t)}
		if rapid.IntRange(0, 2).Draw(t, "qualifiers") == 0 {
			r.qualifiers = rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{"*", "l*", "be?a"}, qualifiers...)), 1, 3, rapid.ID).Draw(t, "qualifiers")
		}
		x.rules = append(x.rules, r)
	}
	twice := rapid.IntRange(0, 3).Draw(t, "may declare twice") == 0
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 4, 8}).Draw(t, "entries") {
		e := f.drawEntry(t)
		if twice || !slices.ContainsFunc(x.entries, func(o entry) bool { return o.name == e.name && o.qualifier == e.qualifier }) {
			x.entries = append(x.entries, e)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "ignore") == 0 {
		m := f.drawMatch(t)
		if slices.Contains(m.functions, "*") && len(m.tags) == 0 {
			m.functions = []string{"*-canary"} // or else too many fleets are empty
		}
		e := exception{match: m, reason: rapid.SampledFrom([]string{"", "somebody else's"}).Draw(t, "reason")}
		e.until = rapid.SampledFrom([]string{"", "", "2099-12-31", "9999-01-01", "2099-12-31", "", "2001-02-28"}).Draw(t, "until")
		x.ignores = append(x.ignores, e)
	}
	if rapid.IntRange(0, 2).Draw(t, "require") == 0 {
		r := requirement{match: f.drawMatch(t), name: fmt.Sprint("of file ", len(f.files))}
		r.failure = rapid.SampledFrom([]string{"", "required", "or_dead_letter_queue"}).Draw(t, "failure_destination")
		r.numbers[0] = rapid.SampledFrom([][2]string{{}, {"", "3600"}, {"3600", ""}, {"61", "21599"}}).Draw(t, "age")
		r.numbers[1] = rapid.SampledFrom([][2]string{{}, {"", "1"}, {"1", "2"}}).Draw(t, "attempts")
		if r.failure == "" || rapid.Bool().Draw(t, "destinations") {
			r.destinations = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"arn:aws:sqs:*:*:*-dlq", "arn:${partition}:sqs:*:${account}:d*", "arn:aws:s3:::*", "*:done"}), 1, 2, rapid.ID).Draw(t, "allowed")
		}
		x.requires = append(x.requires, r)
	}
	return x
}

func (f fleet) drawMatch(t *rapid.T) match {
	var m match
	kind := rapid.IntRange(0, 5).Draw(t, "match") // functions alone are the rule
	if kind != 0 {
		m.functions = rapid.SliceOfNDistinct(rapid.SampledFrom(globs), 1, 2, rapid.ID).Draw(t, "functions")
	}
	if kind < 2 {
		m.tags = map[string][]string{"tier": drawTier(t)}
		if rapid.IntRange(0, 3).Draw(t, "two tags") == 0 {
			m.tags["team"] = []string{rapid.SampledFrom([]string{"pay", "*"}).Draw(t, "team")}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "exclude") == 0 {
		m.exclude = []string{rapid.SampledFrom(globs[1:]).Draw(t, "exclude")}
	}
	if rapid.IntRange(0, 5).Draw(t, "exclude tags") == 0 {
		m.excludeTags = map[string][]string{"tier": drawTier(t)}
	}
	if f.sections != "" && m.functions != nil && rapid.IntRange(0, 3).Draw(t, "variable") == 0 {
		m.functions[0] = "${vars.team}-*"
	}
	if f.sections != "" && m.tags != nil && rapid.IntRange(0, 3).Draw(t, "variable as tag") == 0 {
		m.tags["team"] = []string{rapid.SampledFrom([]string{"${vars.team}", "${vars.team}*"}).Draw(t, "team")}
	}
	m.targets = f.drawTargets(t)
	return m
}

func drawTier(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"gold", "*", "s*", "?old", "silver"}), 1, 2, rapid.ID).Draw(t, "tier")
}

// team is what ${vars.team} stands for in a target.
func (p place) team() string {
	if p.label == "stage" {
		return "web"
	}
	return "pay"
}

// drawTargets draws labels, where the fleet has any.
func (f fleet) drawTargets(t *rapid.T) []string {
	if f.sections == "" || rapid.IntRange(0, 3).Draw(t, "limited") > 0 {
		return nil
	}
	return []string{rapid.SampledFrom(f.places).Draw(t, "to").label}
}

func (f fleet) drawEntry(t *rapid.T) entry {
	e := entry{
		name:      rapid.SampledFrom(names).Draw(t, "name"),
		qualifier: rapid.SampledFrom(append([]string{"$LATEST", "$LATEST", "$LATEST"}, qualifiers...)).Draw(t, "qualifier"),
		targets:   f.drawTargets(t),
	}
	switch rapid.IntRange(0, 11).Draw(t, "remove") {
	case 0, 1:
		e.remove = true
	case 2: // what it is to be is said by rules and defaults
	default:
		e.set = f.drawSet(t)
	}
	if f.sections != "" && rapid.IntRange(0, 7).Draw(t, "variable name") == 0 {
		e.name = rapid.SampledFrom([]string{"${vars.team}-a", "${vars.team}-canary"}).Draw(t, "name")
		e.spelt = fmt.Sprintf("name: %q, qualifier: %q", e.name, e.qualifier)
		return e
	}
	whole := e.name + ":" + e.qualifier
	switch rapid.IntRange(0, 4).Draw(t, "spelling") {
	case 0:
		e.spelt = fmt.Sprintf("name: %q", whole)
	case 1:
		// An ARN says where it lives.
		p := rapid.SampledFrom(f.places).Draw(t, "of")
		if p.label == "" {
			e.spelt = fmt.Sprintf("name: %s, qualifier: %q", e.name, e.qualifier)
			break
		}
		e.spelt = fmt.Sprintf("name: %q", "arn:aws:lambda:"+p.region+":"+p.account+":function:"+whole)
		e.targets = []string{p.String()}
	case 2:
		if e.qualifier == "$LATEST" {
			e.spelt = "name: " + e.name
			break
		}
		fallthrough
	default:
		e.spelt = fmt.Sprintf("name: %s, qualifier: %q", e.name, e.qualifier)
	}
	return e
}

// drawSet draws settings that set something.
func (f fleet) drawSet(t *rapid.T) settings {
	var s settings
	for i := range s {
		s[i] = rapid.SampledFrom(written[i]).Draw(t, settingNames[i])
		if f.sections == "" && strings.Contains(s[i], "${vars.") {
			s[i] = "none" // there are no variables
		}
	}
	if s == (settings{}) {
		s[1] = "0"
	}
	return s
}

// yaml writes one file of the fleet; the first has the sections that may stand once.
func (f fleet) yaml(i int) string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	x := f.files[i]
	if i == 0 {
		b.WriteString(f.sections)
		var guard []string
		if f.maxChanges != "" {
			guard = append(guard, "max_changes: "+f.maxChanges)
		}
		if f.maxDeletes != "" {
			guard = append(guard, "max_deletes: "+f.maxDeletes)
		}
		if guard != nil {
			fmt.Fprintf(&b, "guard: { %s }\n", strings.Join(guard, ", "))
		}
		for _, key := range [][2]string{{"undeclared", f.undeclared}, {"missing_functions", f.missingFunctions}, {"missing_qualifiers", f.missingQualifiers}} {
			if key[1] != "" {
				fmt.Fprintf(&b, "%s: %s\n", key[0], key[1])
			}
		}
	}
	if x.defaults != (settings{}) {
		scope := ""
		if x.forAll {
			scope = "scope: fleet, "
		}
		fmt.Fprintf(&b, "defaults: { %s%s }\n", scope, x.defaults.yaml())
	}
	if len(x.rules) > 0 {
		b.WriteString("rules:\n")
	}
	for _, r := range x.rules {
		keys := r.match.yaml()
		if r.qualifiers != nil {
			keys += fmt.Sprintf(", qualifiers: [%s]", quoted(r.qualifiers))
		}
		fmt.Fprintf(&b, "  - match: { %s }\n    set: { %s }\n", keys, r.set.yaml())
	}
	if len(x.entries) > 0 {
		b.WriteString("functions:\n")
	}
	for _, e := range x.entries {
		what := ""
		if e.remove {
			what = ", remove: true"
		} else if e.set != (settings{}) {
			what = ", " + e.set.yaml()
		}
		if e.targets != nil && !strings.Contains(e.spelt, "arn:aws:lambda") {
			what += fmt.Sprintf(", targets: [%s]", quoted(e.targets))
		}
		fmt.Fprintf(&b, "  - { %s%s }\n", e.spelt, what)
	}
	if len(x.ignores) > 0 {
		b.WriteString("ignore:\n")
	}
	for _, e := range x.ignores {
		keys := e.match.yaml()
		if e.reason != "" {
			keys += fmt.Sprintf(", reason: %q", e.reason)
		}
		if e.until != "" {
			keys += ", until: " + e.until
		}
		fmt.Fprintf(&b, "  - { %s }\n", keys)
	}
	if len(x.requires) > 0 {
		b.WriteString("require:\n")
	}
	for _, r := range x.requires {
		keys := fmt.Sprintf("name: %s, match: { %s }", r.name, r.match.yaml())
		if r.failure != "" {
			keys += ", failure_destination: " + r.failure
		}
		if r.destinations != nil {
			keys += fmt.Sprintf(", destinations: [%s]", quoted(r.destinations))
		}
		for i, bounds := range r.numbers {
			var both []string
			for j, key := range []string{"min: ", "max: "} {
				if bounds[j] != "" {
					both = append(both, key+bounds[j])
				}
			}
			if both != nil {
				keys += fmt.Sprintf(", %s: { %s }", settingNames[i], strings.Join(both, ", "))
			}
		}
		fmt.Fprintf(&b, "  - { %s }\n", keys)
	}
	return b.String()
}

func (m match) yaml() string {
	var keys []string
	add := func(key string, list []string) {
		if list != nil {
			keys = append(keys, fmt.Sprintf("%s: [%s]", key, quoted(list)))
		}
	}
	add("functions", m.functions)
	add("targets", m.targets)
	if m.tags != nil {
		keys = append(keys, tagsYAML(m.tags))
	}
	switch {
	case m.excludeTags == nil:
		add("exclude", m.exclude)
	case m.exclude == nil:
		keys = append(keys, "exclude: { "+tagsYAML(m.excludeTags)+" }")
	default:
		keys = append(keys, fmt.Sprintf("exclude: { functions: [%s], %s }", quoted(m.exclude), tagsYAML(m.excludeTags)))
	}
	return strings.Join(keys, ", ")
}

func tagsYAML(tags map[string][]string) string {
	var all []string
	for _, key := range []string{"tier", "team"} {
		switch values := tags[key]; len(values) {
		case 0:
		case 1:
			all = append(all, fmt.Sprintf("%s: %q", key, values[0]))
		default:
			all = append(all, fmt.Sprintf("%s: [%s]", key, quoted(values)))
		}
	}
	return "tags: { " + strings.Join(all, ", ") + " }"
}

func (s settings) yaml() string {
	var keys []string
	for i, v := range s {
		switch {
		case v == "":
		case i < 2 || v == "none":
			keys = append(keys, settingNames[i]+": "+v)
		default:
			keys = append(keys, fmt.Sprintf("%s: %q", settingNames[i], v))
		}
	}
	return strings.Join(keys, ", ")
}

func quoted(list []string) string {
	var words []string
	for _, w := range list {
		words = append(words, fmt.Sprintf("%q", w))
	}
	return strings.Join(words, ", ")
}
