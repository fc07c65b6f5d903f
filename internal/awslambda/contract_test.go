package awslambda

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// realFunction names a function of the current AWS account, without a record on
// $LATEST, that the contract may play with. It ends without a record.
const realFunction = "EVENTINVOKE_TEST_REAL_FUNCTION"

// TestContractSimulator holds the simulator to the contract below.
func TestContractSimulator(t *testing.T) {
	w := worldOf(t, awssim.Fleet(here.Account, here.Region, awssim.Function{Name: "orders", Aliases: []string{"live"}, Versions: []string{"1"}}))
	contract(t, connTo(t, w), "orders")
}

// What a write says of a setting, the simulator and the record say of it, and of no other.
func TestEachSettingGoesBothWays(t *testing.T) {
	for _, s := range desired.AllSettings() {
		if wireSettings[s].get == nil || wireSettings[s].set == nil {
			t.Errorf("%s has no row in wireSettings", s)
			continue
		}
		low, _ := s.Bounds()
		var config desired.Config
		if config[s] = desired.Number(low); !s.IsNumber() {
			config[s] = desired.Text("arn:aws:sqs:" + here.Region + ":" + here.Account + ":queue")
		}
		w := worldOf(t, awssim.Fleet(here.Account, here.Region, awssim.Function{Name: orders.Function}))
		record, err := NewWriter(connTo(t, w)).Put(t.Context(), orders, config)
		if err != nil || record.Settings != reconcile.Settings(config) {
			t.Errorf("%s: %v was written, and the record says %v: %v", s, config, record.Settings, err)
		}
	}
}

// TestContractAWS holds AWS to the same, so that the simulator cannot drift from
// it unseen.
func TestContractAWS(t *testing.T) {
	function := os.Getenv(realFunction)
	if function == "" {
		t.Skip(realFunction + " is not set: name a function of the current account without an event invoke config to run this against AWS")
	}
	session, err := Open(t.Context(), Options{RunID: "contract", Environment: Environment{Version: "test"}, Access: ReadWrite, Limiters: registryAt(t, Pace(0, 0))})
	if err != nil {
		t.Fatal(err)
	}
	at, _, err := session.Ambient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened := session.Open(t.Context(), []desired.TargetSpec{{Target: at}})[0]
	if opened.Err != nil {
		t.Fatal(opened.Err)
	}
	contract(t, opened.Reader.(*Reader).conn, function)
}

// contract is what reconcile relies on, one call a step.
func contract(t *testing.T, conn *Conn, function string) {
	ctx := t.Context()
	reader, writer := NewReader(conn), NewWriter(conn)
	name := desired.Name{Function: function, Qualifier: desired.Latest}
	none := desired.Name{Function: function + "-is-not-there", Qualifier: desired.Latest}
	noAlias := desired.Name{Function: function, Qualifier: "is-not-there"}
	retries := desired.Config{desired.MaximumRetryAttempts: desired.Number(1)}
	itself := strings.TrimSuffix(desired.Key{Target: conn.target, Name: name}.ARN(), ":"+desired.Latest)

	find := func() (reconcile.Record, bool) {
		t.Helper()
		page, err := reader.ListConfigs(ctx, function, "")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(page.Items, func(r reconcile.Record) bool { return r.Qualifier == desired.Latest })
		if i < 0 {
			return reconcile.Record{}, false
		}
		return page.Items[i], true
	}
	if r, found := find(); found {
		t.Fatalf("%s has a record that this test would destroy: %+v", function, r)
	}
	t.Cleanup(func() { _ = writer.Delete(context.Background(), name) })

	probes := []struct {
		why  string
		call func() error
		want callerr.Kind
	}{
		{"a Delete of nothing is done", func() error { return writer.Delete(ctx, name) }, 0},
		{"even on a function that is not there", func() error { return writer.Delete(ctx, none) }, 0},
		{"an Update never creates", func() error { _, err := writer.Update(ctx, name, retries); return err }, callerr.RecordMissing},
		{"List tells a missing function", func() error { _, err := reader.ListConfigs(ctx, none.Function, ""); return err }, callerr.FunctionMissing},
		{"so does Put", func() error { _, err := writer.Put(ctx, none, retries); return err }, callerr.FunctionMissing},
		{"Put says the same of a missing alias", func() error { _, err := writer.Put(ctx, noAlias, retries); return err }, callerr.FunctionMissing},
		{"a Put of nothing is invalid", func() error { _, err := writer.Put(ctx, name, desired.Config{}); return err }, callerr.Invalid},
		{"three retries are invalid", func() error {
			_, err := writer.Put(ctx, name, desired.Config{desired.MaximumRetryAttempts: desired.Number(3)})
			return err
		}, callerr.Invalid},
		{"a function cannot feed itself", func() error {
			_, err := writer.Put(ctx, name, desired.Config{desired.OnFailure: desired.Text(itself)})
			return err
		}, callerr.Refused},
		{"a marker of one's own making is invalid", func() error { _, err := reader.ListConfigs(ctx, function, "made-up"); return err }, callerr.Invalid},
		{"aliases can be listed", func() error { _, err := reader.ListAliases(ctx, function, ""); return err }, 0},
		{"versions can be listed", func() error { _, err := reader.ListVersions(ctx, function, ""); return err }, 0},
	}
	for _, f := range probes {
		if err := f.call(); (err == nil) != (f.want == 0) || callerr.KindOf(err) != f.want {
			t.Errorf("%s: %v (%v)", f.why, callerr.KindOf(err), err)
		}
	}

	settings := func(retries, age desired.Value) reconcile.Settings {
		return reconcile.Settings{desired.MaximumRetryAttempts: retries, desired.MaximumEventAgeInSeconds: age}
	}
	var unset desired.Value
	steps := []struct {
		why  string
		call func() (reconcile.Record, error)
		want reconcile.Settings
	}{
		{"Put creates", func() (reconcile.Record, error) { return writer.Put(ctx, name, retries) }, settings(desired.Number(1), unset)},
		{"Update leaves the rest alone", func() (reconcile.Record, error) {
			return writer.Update(ctx, name, desired.Config{desired.MaximumEventAgeInSeconds: desired.Number(60)})
		}, settings(desired.Number(1), desired.Number(60))},
		{"Update clears what is not there", func() (reconcile.Record, error) {
			return writer.Update(ctx, name, desired.Config{desired.OnSuccess: desired.NoDestination})
		}, settings(desired.Number(1), desired.Number(60))},
		{"Put replaces the whole", func() (reconcile.Record, error) {
			return writer.Put(ctx, name, desired.Config{desired.MaximumEventAgeInSeconds: desired.Number(120)})
		}, settings(unset, desired.Number(120))},
	}
	sameTime := cmpopts.IgnoreFields(reconcile.Record{}, "LastModified")
	for _, s := range steps {
		wrote, err := s.call()
		want := reconcile.Record{Qualifier: desired.Latest, Settings: s.want}
		if d := cmp.Diff(want, wrote, compareRecords, sameTime); err != nil || d != "" || wrote.LastModified.IsZero() {
			t.Errorf("%s: %v\n%s", s.why, err, d)
		}
		if read, _ := find(); read != wrote {
			t.Errorf("%s: wrote %+v, read %+v", s.why, wrote, read)
		}
	}
	if err := writer.Delete(ctx, name); err != nil {
		t.Error(err)
	}
	if r, found := find(); found {
		t.Errorf("still there after Delete: %+v", r)
	}
}
