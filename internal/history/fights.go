package history

import (
	"context"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// fightRuns are how many of the last runs that wrote are looked at for fights.
const fightRuns = 20

// TellFights tells of what the last runs wrote, in their order.
func (h *History) TellFights(ctx context.Context, f *reconcile.Fights) error {
	runs, err := h.List(ctx, ListOptions{Limit: fightRuns})
	slices.Reverse(runs)
	for _, run := range runs {
		for _, record := range run.Attempts {
			for i := range record.Items {
				item := &record.Items[i]
				if item.Status != reconcile.Applied.String() && item.Status != reconcile.Mismatched.String() {
					continue
				}
				at := record.Started
				if item.AfterModified != 0 {
					at = time.UnixMilli(item.AfterModified)
				}
				f.Corrected(item.Key, at, item.Before, item.After)
			}
		}
	}
	return err
}
