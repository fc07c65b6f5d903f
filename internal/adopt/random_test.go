package adopt

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// hand writes a fleet file as people do: each in a style of his own.
type hand struct {
	t        *rapid.T
	b        strings.Builder
	comments int
	anchor   string // a destination that has one; "" while none has
}

func (h *hand) chance(of int, label string) bool { return rapid.IntRange(1, of).Draw(h.t, label) == 1 }

// comment is one that no other line has.
func (h *hand) comment(indent string) {
	if h.chance(4, "comment") {
		h.comments++
		fmt.Fprintf(&h.b, "%s# note %d: überall {, [ and \"\n", indent, h.comments)
	}
}

// tail is a comment behind a value.
func (h *hand) tail() string {
	if h.chance(5, "tail") {
		h.comments++
		return fmt.Sprintf(" # note %d", h.comments)
	}
	return ""
}

// value is a value in some quotes.
func (h *hand) value(text string, flow bool) string {
	if len(text) == 1 || len(text) > 1 && text[0] >= '1' && text[0] <= '9' && !strings.Contains(text, ":") || text == "true" {
		return text
	}
	switch quotes := rapid.IntRange(0, 2).Draw(h.t, "quotes"); {
	case quotes == 1:
		return "'" + text + "'"
	case quotes == 2 || flow && strings.ContainsAny(text, "{[*"), strings.HasPrefix(text, "$"), strings.HasPrefix(text, "*"):
		return fmt.Sprintf("%q", text)
	}
	return text
}

// pair is a key and its value, or a list.
type keyed struct{ key, text string }

func (h *hand) flow(pairs []keyed) string {
	var parts []string
	for _, p := range pairs {
		text := p.text
		if !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{") {
			text = h.value(text, true)
		}
		parts = append(parts, p.key+": "+text)
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// item writes one item of a list.
func (h *hand) item(indent string, pairs []keyed) {
	h.comment(indent)
	if h.chance(4, "flow") {
		fmt.Fprintf(&h.b, "%s- %s%s\n", indent, h.flow(pairs), h.tail())
		return
	}
	gap := rapid.SampledFrom([]string{" ", " ", "   "}).Draw(h.t, "gap")
	lead := indent + "-" + gap
	for _, p := range pairs {
		text := p.text
		switch {
		case strings.HasPrefix(text, "[") && p.key == "targets" && h.chance(2, "block list"):
			text = ""
			for _, label := range strings.Split(strings.Trim(p.text, "[]"), ", ") {
				text += "\n" + strings.Repeat(" ", len(lead)) + "  - " + label
			}
			fmt.Fprintf(&h.b, "%s%s:%s\n", lead, p.key, text)
			lead = strings.Repeat(" ", len(lead))
			continue
		case strings.HasPrefix(text, "["), strings.HasPrefix(text, "{"):
		case p.key == "on_failure" && h.anchor == "" && strings.HasPrefix(text, "arn:") && h.chance(12, "anchor"):
			h.anchor, text = text, "&q "+text
		case p.key == "on_failure" && h.anchor == text && h.chance(2, "alias"):
			text = "*q"
		default:
			text = h.value(text, false)
		}
		fmt.Fprintf(&h.b, "%s%s: %s%s\n", lead, p.key, text, h.tail())
		lead = strings.Repeat(" ", len(lead))
		h.comment(lead)
	}
}

func (h *hand) list(key string, items [][]keyed) {
	if len(items) == 0 {
		return
	}
	h.comment("")
	if h.chance(8, "all in brackets") {
		var parts []string
		for _, pairs := range items {
			parts = append(parts, h.flow(pairs))
		}
		between := rapid.SampledFrom([]string{", ", ",\n  "}).Draw(h.t, "between")
		fmt.Fprintf(&h.b, "%s: [%s]%s\n", key, strings.Join(parts, between), h.tail())
		return
	}
	fmt.Fprintf(&h.b, "%s:%s\n", key, h.tail())
	indent := rapid.SampledFrom([]string{"", "  ", "    "}).Draw(h.t, "indent")
	for _, pairs := range items {
		h.item(indent, pairs)
		if h.chance(6, "blank") {
			h.b.WriteString("\n")
		}
	}
}

var someValues [desired.NumSettings][]string = [...][]string{
	desired.MaximumRetryAttempts:     {"0", "1", "2"},
	desired.MaximumEventAgeInSeconds: {"60", "3600", "21600"},
	desired.OnSuccess:                {"none", "arn:aws:sns:us-east-1:111111111111:done"},
	desired.OnFailure: {
		"none", "arn:aws:sqs:us-east-1:111111111111:dlq", "arn:aws:sqs:us-east-1:111111111111:other", "arn:${partition}:sqs:${region}:${account}:dlq", "arn:aws:s3:::failures",
		"arn:${partition}:sqs:${region}:${account}:${function}-dlq",
	},
}

func drawPairs(t *rapid.T, least int) []keyed {
	var pairs []keyed
	for _, f := range rapid.Permutation(slices.Collect(settingsSeq)).Draw(t, "settings")[:rapid.IntRange(least, 3).Draw(t, "how many")] {
		pairs = append(pairs, keyed{f.String(), rapid.SampledFrom(someValues[f]).Draw(t, f.String())})
	}
	return pairs
}

func settingsSeq(yield func(desired.Setting) bool) {
	for _, f := range desired.AllSettings() {
		if !yield(f) {
			return
		}
	}
}

// fleetCase is some files and a world for them.
type fleetCase struct {
	files    map[string][]byte
	ambient  desired.Target
	targets  []desired.Target
	world    desired.Inventory
	observed reconcile.Observed
}

var places = []struct {
	label, account string
	regions        []string
}{
	{"prod", "111111111111", []string{"us-east-1", "eu-west-1"}},
	{"dev", "222222222222", []string{"us-east-1"}},
	{"stage", "333333333333", []string{"eu-west-1", "us-east-1", "ap-south-1"}},
}

var functionNames = []string{"app-a", "app-b", "b", "checkout", "prod-x", "dev-x", "stage-x"}

func drawCase(t *rapid.T) fleetCase {
	c := fleetCase{files: map[string][]byte{}, ambient: desired.Target{Account: "111111111111", Region: "us-east-1"}, world: desired.Inventory{}}
	declared := rapid.IntRange(0, len(places)).Draw(t, "targets")
	var targetItems [][]keyed
	var labels []string
	for _, p := range places[:declared] {
		targetItems = append(targetItems, []keyed{{"name", p.label}, {"vars", "{ stage: " + p.label + " }"}, {"account", `"` + p.account + `"`}, {"regions", "[" + strings.Join(p.regions, ", ") + "]"}})
		labels = append(labels, p.label)
		for _, r := range p.regions {
			c.targets = append(c.targets, desired.Target{Account: p.account, Region: r})
		}
	}
	if declared == 0 {
		c.targets = []desired.Target{c.ambient}
	}
	names := rapid.Permutation([]string{"app-a", "app-b", "b", "checkout", "app-a:live", "checkout:live"}).Draw(t, "names")
	if declared > 0 {
		names = append(names, "${vars.stage}-x")
		names = rapid.Permutation(names).Draw(t, "names with a variable")
	}
	someLabels := func() string {
		if declared == 0 || rapid.Bool().Draw(t, "everywhere") {
			return ""
		}
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(labels), 1, declared, rapid.ID).Draw(t, "labels")
		return "[" + strings.Join(some, ", ") + "]"
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "files") {
		h := &hand{t: t}
		if h.chance(6, "mark") {
			h.b.WriteString("\ufeff")
		}
		h.comment("")
		h.b.WriteString("version: 1\n")
		if i == 0 && declared > 0 {
			h.b.WriteString("targets:\n")
			for _, pairs := range targetItems {
				fmt.Fprintf(&h.b, "  - { name: %s, vars: %s, account: %s, regions: %s }\n", pairs[0].text, pairs[1].text, pairs[2].text, pairs[3].text)
			}
		}
		if h.chance(2, "defaults") {
			h.b.WriteString("defaults:\n")
			for _, p := range drawPairs(t, 1) {
				h.comment("  ")
				fmt.Fprintf(&h.b, "  %s: %s%s\n", p.key, h.value(p.text, false), h.tail())
			}
		}
		var rules [][]keyed
		for range rapid.IntRange(0, 2).Draw(t, "rules") {
			match := []keyed{{"functions", rapid.SampledFrom([]string{`["app-*"]`, `["*"]`, "[b, checkout]"}).Draw(t, "glob")}}
			if h.chance(3, "aliases") {
				match = append(match, keyed{"qualifiers", "[live]"})
			}
			if l := someLabels(); l != "" {
				match = append(match, keyed{"targets", l})
			}
			rules = append(rules, []keyed{{"match", h.flow(match)}, {"set", h.flow(drawPairs(t, 1))}})
		}
		h.list("rules", rules)
		if h.chance(5, "another document") {
			h.b.WriteString("---\nversion: 1\n")
		}
		var entries [][]keyed
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			if len(names) == 0 {
				break
			}
			pairs := []keyed{{"name", names[0]}}
			if name, alias, ok := strings.Cut(names[0], ":"); ok && rapid.Bool().Draw(t, "apart") {
				pairs = []keyed{{"name", name}, {"qualifier", alias}}
			}
			names = names[1:]
			if l := someLabels(); l != "" {
				pairs = append(pairs, keyed{"targets", l})
			}
			if h.chance(5, "remove") {
				pairs = append(pairs, keyed{"remove", "true"})
			} else {
				pairs = append(pairs, drawPairs(t, 1)...)
			}
			entries = append(entries, pairs)
		}
		h.list("functions", entries)
		if i == 0 && h.chance(4, "deletes") {
			h.b.WriteString("undeclared: delete\n")
		}
		h.comment("")
		text := h.b.String()
		if h.chance(4, "no end") {
			text = strings.TrimRight(text, "\n")
		}
		if h.chance(4, "windows") {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		c.files[[]string{"a.yaml", "../b.yaml"}[i]] = []byte(text)
	}
	c.drawWorld(t)
	return c
}

// drawWorld is functions with records; many hold the same, so that there is something
// to say once.
func (c *fleetCase) drawWorld(t *rapid.T) {
	settings := rapid.Custom(func(t *rapid.T) (s reconcile.Settings) {
		if rapid.IntRange(0, 1).Draw(t, "retries") == 0 {
			s[desired.MaximumRetryAttempts] = desired.Number(rapid.IntRange(0, 2).Draw(t, "n"))
		}
		if rapid.IntRange(0, 2).Draw(t, "age") == 0 {
			s[desired.MaximumEventAgeInSeconds] = desired.Number(rapid.SampledFrom([]int{60, 7200}).Draw(t, "seconds"))
		}
		s[desired.OnFailure] = desired.Text(rapid.SampledFrom([]string{"", "own", "one each", "arn:aws:sqs:us-east-1:111111111111:dlq", "arn:aws:s3:::elsewhere"}).Draw(t, "on failure"))
		return reconcile.NewSettings(s)
	})
	usual := settings.Draw(t, "usual")
	for _, target := range c.targets {
		inventory := desired.TargetInventory{}
		seen := reconcile.ObservedTarget{Target: target}
		for _, name := range functionNames {
			f := reconcile.ObservedFunction{Function: name, State: reconcile.FunctionPresent}
			switch rapid.IntRange(0, 9).Draw(t, "state") {
			case 0:
				f.State = reconcile.FunctionAbsent
			case 1:
				f.State, f.Err = reconcile.FunctionUnreadable, fmt.Errorf("denied")
			}
			if f.State != reconcile.FunctionAbsent {
				inventory.Functions = append(inventory.Functions, name)
			}
			for _, q := range []string{desired.Latest, "live"} {
				if f.State != reconcile.FunctionPresent || rapid.IntRange(0, 3).Draw(t, "no record") == 0 {
					continue
				}
				s := usual
				if rapid.IntRange(0, 2).Draw(t, "own") == 0 {
					s = settings.Draw(t, "own settings")
				}
				if s[desired.OnFailure].Text() == "one each" {
					s[desired.OnFailure] = desired.Text(fmt.Sprintf("arn:aws:sqs:%s:%s:q-%s", target.Region, target.Account, name))
				}
				if s[desired.OnFailure].Text() == "own" {
					s[desired.OnFailure] = desired.Text(fmt.Sprintf("arn:aws:sqs:%s:%s:own", target.Region, target.Account))
				}
				f.Records = append(f.Records, reconcile.ObservedRecord{Qualifier: q, Settings: &s})
			}
			seen.Functions = append(seen.Functions, f)
		}
		slices.SortFunc(seen.Functions, func(a, b reconcile.ObservedFunction) int { return strings.Compare(a.Function, b.Function) })
		if rapid.IntRange(0, 9).Draw(t, "looked") > 0 {
			c.world[target] = inventory
		}
		c.observed.Targets = append(c.observed.Targets, seen)
	}
	slices.SortFunc(c.observed.Targets, func(a, b reconcile.ObservedTarget) int { return a.Target.Compare(b.Target) })
}

// input is the case as Patch takes it.
func (c *fleetCase) input() (Input, error) {
	document, err := load(c.files)
	return Input{
		Document: document, Ambient: c.ambient, Inventory: c.world, Observed: c.observed,
		Read: func(path string) ([]byte, error) { return c.files[path], nil },
	}, err
}
