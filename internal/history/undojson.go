package history

import (
	"encoding/json"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// undoJSON is an Undo as output spells it.
type undoJSON struct {
	keyJSON
	Status  string              `json:"status"`
	Before  *reconcile.Settings `json:"before"`
	After   *reconcile.Settings `json:"after"`
	Instead *reconcile.Settings `json:"instead,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (u Undo) MarshalJSON() ([]byte, error) {
	return json.Marshal(undoJSON{
		keyJSON: newKey(u.Key), Status: u.Status.String(),
		Before: u.Before, After: u.After, Instead: u.Alternative,
	})
}
