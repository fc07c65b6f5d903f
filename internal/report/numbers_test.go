package report

import (
	"reflect"
	"testing"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Every number of an operation is in the sums of all of them, under its own name.
func TestOperationsAddUp(t *testing.T) {
	var one, other reconcile.OperationCount
	a, b := reflect.ValueOf(&one).Elem(), reflect.ValueOf(&other).Elem()
	for i := range a.NumField() {
		if a.Field(i).CanInt() {
			a.Field(i).SetInt(1 << (2 * i))
			b.Field(i).SetInt(2 << (2 * i))
		}
	}
	var sums operationTotals
	sums.add(one)
	sums.add(other)
	for i := range a.NumField() {
		if name := a.Type().Field(i).Name; a.Field(i).CanInt() {
			if sum, want := reflect.ValueOf(sums).FieldByName(name).Int(), a.Field(i).Int()+b.Field(i).Int(); sum != want {
				t.Errorf("%s is %d, want %d", name, sum, want)
			}
		}
	}
}

// What the plan of a saved run already left out as stale is counted before anything is applied, and
// once when the outcome has it as well.
func TestStaleIsCountedOnce(t *testing.T) {
	for _, row := range []struct{ planned, ended, want int }{{0, 0, 0}, {3, 0, 3}, {3, 3, 3}, {1, 4, 4}} {
		if got := newSummary(reconcile.PlanCounts{Stale: row.planned}, reconcile.OutcomeCounts{Stale: row.ended}, false).Stale; got != row.want {
			t.Errorf("%d of the plan and %d of the outcome are %d, want %d", row.planned, row.ended, got, row.want)
		}
	}
}
