package history

import "encoding/json"

// undoJSON is an Undo as output spells it.
type undoJSON struct {
	keyJSON
	Status  string      `json:"status"`
	Before  *fieldsJSON `json:"before"`
	After   *fieldsJSON `json:"after"`
	Instead *fieldsJSON `json:"instead,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (u Undo) MarshalJSON() ([]byte, error) {
	return json.Marshal(undoJSON{
		keyJSON: newKey(u.Key), Status: u.Status.String(),
		Before: newImage(u.Before), After: newImage(u.After), Instead: newImage(u.Alternative),
	})
}
