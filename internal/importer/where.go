package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// where is what a source says of the account and region of a declaration: a function
// of the same name in another region is another function.
type where struct {
	at       desired.Target // as far as it is known
	path     string         // of a state of Terraform; "" for other sources
	provider string         // the configuration of its provider in that state
	toward   string         // the region of its own destinations, where they are of one
	several  bool           // the state names several places, and not which of them this is
	shown    bool           // by terraform show, which does not tell the configurations of a provider apart
}

// terraform collects what a state declares, and what its ARNs say of its providers: a
// configuration of the provider works in one account and region.
type terraform struct {
	path     string
	shown    bool
	declared []declaration
	seen     map[string]*sight // by provider
}

// sight is what the resources of one provider show.
type sight struct {
	targets   []desired.Target            // that the ARNs of functions name
	functions map[string][]desired.Target // the same, by the name of the function
	toward    []string                    // the regions of destinations
}

func (t *terraform) add(r resource) error {
	s := t.seen[r.Provider]
	if s == nil {
		s = &sight{functions: map[string][]desired.Target{}}
		t.seen[r.Provider] = s
	}
	switch {
	case r.Mode != "managed": // what is only read may be anybody's, anywhere
		return nil
	case r.Type == "aws_lambda_function", r.Type == "aws_lambda_alias": // a subscription or a key may be of another account
		var a struct {
			ARN string `json:"arn"`
		}
		_ = json.Unmarshal(r.Values, &a) // what is no ARN tells nothing
		if n, err := desired.ParseName(a.ARN); err == nil && targetOf(a.ARN).Valid() {
			s.targets = append(s.targets, targetOf(a.ARN))
			s.functions[n.Function] = append(s.functions[n.Function], targetOf(a.ARN))
		}
		return nil
	case r.Type != invokeConfig:
		return nil
	}
	var a attributes
	if err := decode(r.Values, &a); err != nil {
		return fmt.Errorf("%s: %w", r.Address, err)
	}
	d := a.declaration(r.Address)
	d.where = where{at: desired.Target{Region: a.Region}, path: t.path, provider: r.Provider, shown: t.shown}
	if n, err := desired.ParseName(a.Function); err == nil {
		d.where.at = desired.Target{Account: n.Account, Region: cmp.Or(n.Region, a.Region)}
	}
	if d.where.at.Valid() {
		s.targets = append(s.targets, d.where.at)
	}
	for _, value := range d.settings { // a number names no region
		switch region := targetOf(value.written).Region; {
		case region == "":
		case d.where.toward == "":
			d.where.toward = region
			s.toward = append(s.toward, region)
		case d.where.toward != region:
			d.where.toward = "" // whichever it is
			s.toward = append(s.toward, region)
		}
	}
	t.declared = append(t.declared, d)
	return nil
}

// targetOf is the account and region that an ARN names; zero for what is no ARN.
func targetOf(text string) desired.Target {
	of, _ := arn.Parse(text)
	return desired.Target{Account: of.AccountID, Region: of.Region}
}

// located is what was declared, with its account and region as far as they follow from the
// state. A destination says its region alone: queues of other accounts are common. Of what
// terraform show prints, where two configurations of a provider look alike, a neighbour
// proves nothing.
func (t *terraform) located() []declaration {
	twice := map[string]int{}
	for i := range t.declared {
		twice[t.declared[i].config()]++
	}
	for i := range t.declared {
		w, function := &t.declared[i].where, t.declared[i].function.written
		s := t.seen[w.provider]
		if t.shown {
			w.at.Region = cmp.Or(w.at.Region, w.toward)
		}
		named, could := w.among(s.functions[function]), w.among(s.targets)
		regions := slice.Unique(slices.Concat(s.toward, slice.Map(could, func(at desired.Target) string { return at.Region })))
		switch {
		case w.at.Valid():
		case len(named) == 1 && !(t.shown && w.at.Region == "" && twice[t.declared[i].config()] > 1):
			w.at = named[0]
		case w.at.Region == "" && (len(could) > 1 || t.shown && (len(regions) > 1 || twice[t.declared[i].config()] > 1)):
			w.several = true
		case len(could) == 1 && (!t.shown || w.at.Region != ""):
			w.at = could[0]
		case w.at.Region == "" && len(regions) == 1 && !t.shown:
			w.at.Region = regions[0]
		}
	}
	return t.declared
}

// among are those of some targets that it may be in, each once.
func (w *where) among(targets []desired.Target) []desired.Target {
	may := slice.Filter(targets, func(t desired.Target) bool {
		return (w.at.Account == "" || w.at.Account == t.Account) && (w.at.Region == "" || w.at.Region == t.Region)
	})
	slices.SortFunc(may, desired.Target.Compare)
	return slices.Compact(may)
}

// locate gives each declaration its targets: what its source says, and of what it leaves
// open what --target says, if that is one answer. Anything else is a comment, because the
// wrong place would be the wrong function. So is a region without an account: the region
// of the credentials may be another.
func (f *fleet) locate() {
	type state struct {
		providers, lost map[string]bool // all, and those of no known region
		taken           map[desired.Target]bool
	}
	given := len(f.o.Targets) > 0
	f.targets = slices.Clone(f.o.Targets)
	states := map[string]*state{}
	for i := range f.items {
		w := &f.items[i].where
		s := states[w.path]
		if s == nil {
			s = &state{map[string]bool{}, map[string]bool{}, map[desired.Target]bool{}}
			states[w.path] = s
		}
		s.providers[w.provider] = true
		switch {
		case w.at.Region == "":
			s.lost[w.provider] = true
		case w.at.Valid():
			s.taken[w.at] = true
			if !given {
				f.targets = append(f.targets, w.at)
			}
		}
	}
	slices.SortFunc(f.targets, desired.Target.Compare)
	f.targets = slices.Compact(f.targets)
	for it := range slice.Pointers(f.items) {
		w, s := &it.where, states[it.where.path]
		alone := len(s.providers) == 1
		// A neighbour's account may be that of a function that others share. Where --target
		// chooses among nothing, it knows better.
		if n, _ := desired.ParseName(it.function.written); n.Account == "" && alone && !w.shown &&
			len(states) == 1 && len(f.o.Targets) == 1 && f.targets[0].Region == w.at.Region {
			w.at = f.targets[0]
		}
		it.targets = w.among(f.targets)
		if w.at.Region == "" && len(s.providers) > 1 { // the others have theirs
			it.targets = slices.DeleteFunc(it.targets, func(t desired.Target) bool { return s.taken[t] })
		}
		switch {
		case it.off != "":
		case given && w.at.Region != "" && len(it.targets) == 0:
			it.off = fmt.Sprintf("it is in %s, which no --target names", strings.TrimPrefix(w.at.String(), "/"))
		case w.several:
			it.off = "the state names several accounts or regions, and not which of them this is in"
			if w.shown {
				it.off += "; import terraform.tfstate itself"
			}
		case w.at.Valid(), w.at.Region == "" && alone && (given || len(f.targets) == 0):
		case given && len(it.targets) == 1 && (w.at.Region != "" || len(s.lost) == 1):
		case !given && w.at.Region != "":
			it.off = fmt.Sprintf("it is in %s of an account that the state does not name", w.at.Region)
			f.lacking = append(f.lacking, "--target ACCOUNT/"+w.at.Region)
		case w.provider != "":
			it.off = fmt.Sprintf("the state does not say in which account and region %s works; import it again with that --target", w.providerName())
		default:
			it.off = "its account and region are not known; import it with --target"
		}
	}
	f.lacking = slice.Unique(f.lacking)
	f.label()
}

// providerName is the provider as the code of Terraform names it: of
// provider["registry.terraform.io/hashicorp/aws"].eu it is aws.eu.
func (w *where) providerName() string {
	return strings.ReplaceAll(w.provider[strings.LastIndex(w.provider, "/")+1:], `"]`, "")
}

// restrict is the labels of an item that is not for all targets of the file, and nil for any
// other: one that is in none of them is a comment.
func (f *fleet) restrict(it *item) []string {
	if n := len(it.targets); n == 0 || n == len(f.targets) || strings.HasPrefix(it.function.written, "arn:") {
		return nil
	}
	return slice.Map(it.targets, func(t desired.Target) string { return f.labels[t] })
}

// label names the targets, as short as tells apart what the items do.
func (f *fleet) label() {
	accounts, regions, split := map[string]int{}, map[string]int{}, false
	for _, t := range f.targets {
		accounts[t.Account]++
		regions[t.Region]++
	}
	for i := range f.items {
		split = split || f.items[i].off == "" && f.restrict(&f.items[i]) != nil
	}
	f.labels = map[desired.Target]string{}
	for _, t := range f.targets {
		switch {
		case !split || accounts[t.Account] == 1:
			f.labels[t] = t.Account
		case regions[t.Region] == 1:
			f.labels[t] = t.Region
		default:
			f.labels[t] = t.Account + "-" + t.Region
		}
	}
}
