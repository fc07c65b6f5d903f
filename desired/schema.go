package desired

import "encoding/json"

// schemaID names the schema; it changes with the version of the format.
const schemaID = "https://github.com/eventinvoke/eventinvoke/schema/v1/fleet.json"

// Schema is the JSON Schema (2020-12) of a fleet file, for editors. It is made
// from the tables that Load decodes by. What one value alone cannot tell, such
// as duplicates, is Load's to find.
func Schema() []byte {
	s := fleetFile.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = schemaID
	s["title"] = "eventinvoke fleet file"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("desired: the key tables hold a value that JSON cannot: " + err.Error())
	}
	return append(text, '\n')
}
