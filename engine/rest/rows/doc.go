// Package rows makes bodies of rows: JSON, newline-delimited JSON and CSV, byte for byte as PostgreSQL's json_agg and
// record_out make them, from values in PostgreSQL's text format. PostgreSQL has less to do this way, and a body can leave
// while its rows still arrive.
//
// Values of the types that Plain knows can be encoded from their text. All others have to come as JSON that PostgreSQL made
// of them with to_json.
package rows
