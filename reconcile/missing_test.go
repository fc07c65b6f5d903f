package reconcile

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/eventinvoke/eventinvoke/desired"
)

// opens is an Opener of one target, as it stands.
type opens struct{ OpenTarget }

func (o opens) Open(context.Context, OpenRequest) (Opened, error) {
	return Opened{Ambient: o.Target, Targets: []OpenTarget{o.OpenTarget}}, nil
}

// remembers is a Memory of nothing, and Observations of nothing.
type remembers struct{ unrecorded }

func (m remembers) Begin(*RunResult) Recorder                     { return m.unrecorded }
func (remembers) Recall(context.Context, *RunResult) Recollection { return everything{} }

// nilable are the fields of structs that may be left nil, as Type.Field: those of an embedded
// struct are that one's.
func nilable(structs ...any) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	for _, s := range structs {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			switch f := v.Type().Field(i); f.Type.Kind() {
			case reflect.Interface, reflect.Pointer, reflect.Func, reflect.Slice, reflect.Map:
				if f.IsExported() && f.Type != reflect.TypeFor[error]() {
					all[v.Type().Name()+"."+f.Name] = v.Field(i)
				}
			}
		}
	}
	return all
}

// Whatever a caller leaves nil, a run does without it or ends with an error that names it: it
// never panics, least of all in a goroutine of its own.
func TestWhatIsLeftNil(t *testing.T) {
	const target = "target 111111111111/eu-west-1: "
	// What is needed, and what is said without it. Everything else is optional.
	needed := map[string]string{
		"Engine.Opener": "no Opener configured", "Request.Wishes": "no Wishes configured",
		"FleetWishes.Document": "no Document configured", "Rollback.Read": "no Read configured",
		"OpenTarget.Reader": target + "no Reader configured", "OpenTarget.Limiter": target + "no Limiter configured",
		"OpenTarget.Writer": target + "no Writer configured",
	}
	seen := map[string]bool{}
	for what, text := range map[string]string{
		"exact":    "functions: [{ name: f, maximum_retry_attempts: 0 }]\n",
		"aliases":  "rules: [{ match: { functions: [f], qualifiers: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n",
		"rules":    "rules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n",
		"required": "rules: [{ match: { functions: [f] }, set: { maximum_retry_attempts: 0 } }]\nrequire: [{ name: r, match: { functions: [\"*\"] }, failure_destination: required }]\n",
		"undo":     "functions: [{ name: f, maximum_retry_attempts: 0 }]\n",
	} {
		document := documentOf(t, text)
		run := func(t *testing.T, left string) (*RunResult, error) {
			aws := &listed{fakeAWS: newFake("f")}
			aws.aliases["f"] = []string{"live"}
			limiter := fastLimiter()
			defer limiter.Close()
			open := OpenTarget{Target: home, Reader: aws, Finder: aws, Writer: aws, Limiter: limiter, Calls: func() []OperationCount { return nil }}
			fleet := FleetWishes{Document: document, InShard: func(desired.Target) bool { return true }}
			undo := Rollback{Read: func(context.Context) (map[desired.Target][]Undo, error) {
				return map[desired.Target][]Undo{home: {{Name: name("f", desired.Latest), Before: &Settings{}}}}, nil
			}}
			engine := Engine{Memory: remembers{}, Annotators: []Annotator{}, Observations: remembers{}}
			request := Request{Write: true, GuardOff: "test", Confirm: func(context.Context, *RunResult) bool { return true }, Observe: func(Step) {}}
			parts := nilable(&open, &fleet, &undo)
			whole := nilable(&engine, &request)
			for field := range maps.Keys(parts) {
				seen[field] = true
			}
			for field := range maps.Keys(whole) {
				seen[field] = true
			}
			if field, ok := parts[left]; ok {
				field.SetZero()
			}
			engine.Opener, request.Wishes = opens{open}, fleet
			if what == "undo" {
				request.Wishes = fleet.Rollback(undo)
			}
			if field, ok := whole[left]; ok {
				field.SetZero()
			}
			return engine.Run(t.Context(), request)
		}
		synctest.Test(t, func(t *testing.T) {
			if r, err := run(t, ""); err != nil || what != "undo" && r.Outcome.Counts().Applied() == 0 {
				t.Fatalf("%s, with nothing left nil: %v", what, err)
			}
			for _, left := range slices.Sorted(maps.Keys(seen)) {
				r, err := run(t, left)
				want := needed[left]
				switch {
				case left == "OpenTarget.Finder" && (what == "aliases" || what == "rules" || what == "required"):
					want = target + "no Finder configured"
				case left == "Rollback.Read" && what != "undo":
					want = "" // not asked for
				}
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("%s, without %s: %v, want %q", what, left, err, want)
				}
				if left == "OpenTarget.Writer" && want != "" {
					o := &r.Outcome.Targets[0]
					if o.Stopped == nil || o.Counts() != (OutcomeCounts{NotAttempted: len(r.Plan.Targets[0].Changes)}) {
						t.Errorf("%s, without %s: stopped by %v, %+v", what, left, o.Stopped, o.Counts())
					}
				}
			}
		})
	}
	for field := range needed {
		if !seen[field] {
			t.Errorf("there is no field %s", field)
		}
	}
}

// unlistable is a Finder that cannot list functions.
type unlistable struct {
	Finder
	err error
}

func (u unlistable) ListFunctions(context.Context, string) (Page[Function], error) {
	return Page[Function]{}, u.err
}

// A caller's plain error is told with the target, and the function or config, that it is about,
// whichever call failed.
func TestAPlainErrorIsToldWithItsSubject(t *testing.T) {
	fire := errors.New("the map is on fire")
	for op, subject := range map[string]string{
		"list": home.String() + "/f", "put": home.String() + "/f", "aliases": home.String() + "/f:live", "functions": home.String(), "nothing chosen": home.String(), "open": home.String(),
	} {
		synctest.Test(t, func(t *testing.T) {
			qualifier := map[string]string{"aliases": ", qualifier: live"}[op]
			text := "functions: [{ name: f" + qualifier + ", maximum_retry_attempts: 0 }]\n"
			var selection desired.Selection
			if op == "nothing chosen" { // since nothing could be listed
				selection.Functions = []string{"f*"}
			}
			if op == "functions" || op == "nothing chosen" {
				text = "rules: [{ match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n"
			}
			aws := &listed{fakeAWS: newFake("f")}
			aws.fail = func(asked string, _ desired.Name, _ int) error {
				if asked == op {
					return fire
				}
				return nil
			}
			limiter := fastLimiter()
			defer limiter.Close()
			open := opens{OpenTarget{Target: home, Reader: aws, Finder: aws, Writer: aws, Limiter: limiter}}
			switch op {
			case "open":
				open.Err = fire
			case "functions", "nothing chosen":
				open.Finder = unlistable{aws, fire}
			}
			_, err := Engine{Opener: open}.Run(t.Context(), Request{Write: true, GuardOff: "test", Wishes: FleetWishes{Document: documentOf(t, text), Selection: selection}})
			if want := subject + ": the map is on fire"; !errors.Is(err, fire) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "fire") != 1 {
				t.Errorf("%s: %v, want %q", op, err, want)
			}
		})
	}
}
