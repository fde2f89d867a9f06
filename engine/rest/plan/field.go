package plan

import (
	"nexus/engine/rest/request"
	"nexus/schema"
)

// star is the name of all columns.
const star = "*"

// The representations a domain can have outside of the database.
const (
	jsonFormat = "json"
	textFormat = "text"
)

// Field is a column, a computed field or anything else that a relation or row has under a name, with what is needed to
// read or write it.
type Field struct {
	Name string
	Path []PathStep
	// ToJSON is true when the field has to be converted before Path can descend into it.
	ToJSON bool
	// Search converts the field to a text search vector in the configuration Language (zero for the default one).
	Search   bool
	Language Param
	// Type is the declared type, "" when it is not known. With a Transform it is the type the function takes.
	Type string
	// TypeOID is the OID of the base type of a column that is taken as it is, 0 when that is not known.
	TypeOID uint32
	// Transform is a function's name as SQL text that converts between the column's type and its representation, "" for
	// none.
	Transform string
	// Default is the column's default expression as SQL text, "" for none.
	Default string
	// WholeRow means the relation's row itself.
	WholeRow bool
}

// PathStep is one step of a JSON path: -> or ->> with a key or an index.
type PathStep struct {
	AsText  bool
	Index   bool
	Operand Param
}

// isStar reports whether the field is all columns rather than one.
func (f *Field) isStar() bool { return f.Name == star && len(f.Path) == 0 }

// columnField describes a known column.
func columnField(c *schema.Column) Field {
	return Field{Name: c.Name, Type: c.NominalType, Default: c.Default}
}

// resolveField finds a field in a table. A name that is no column may still be a computed field, so it stays unknown.
func (b *builder) resolveField(table *schema.Table, f request.Field) Field {
	field := Field{Name: f.Name, ToJSON: true, Path: b.bindPath(f.Path)}
	if table == nil {
		return field
	}
	if c := table.Column(f.Name); c != nil {
		field.Type, field.TypeOID, field.Default = c.NominalType, c.TypeOID, c.Default
		// Converting a column that is JSON already would keep PostgreSQL from using its indexes.
		field.ToJSON = c.NominalType != "json" && c.NominalType != "jsonb"
	}
	return field
}

func (b *builder) bindPath(path []request.JSONOp) []PathStep {
	if len(path) == 0 {
		return nil
	}
	steps := make([]PathStep, len(path))
	for i, op := range path {
		steps[i] = PathStep{AsText: op.AsText, Index: op.Index, Operand: b.bindText(op.Operand)}
	}
	return steps
}

// resolveOutput finds a field that is selected: one of a domain with a JSON representation is converted to it.
func (b *builder) resolveOutput(table *schema.Table, f request.Field) Field {
	return b.transform(b.resolveField(table, f), jsonFormat, true)
}

// resolveInput finds a field that a filter compares with a text. A full-text search converts columns that are no search
// vectors yet.
func (b *builder) resolveInput(table *schema.Table, f request.Field, op request.Operator) Field {
	field := b.resolveField(table, f)
	if isFullText(op) && table != nil {
		c := table.Column(f.Name)
		field.Search = c != nil && c.Type != "tsvector"
	}
	return b.transform(field, textFormat, false)
}

func isFullText(op request.Operator) bool {
	switch op {
	case request.OpFTS, request.OpPlainFTS, request.OpPhraseFTS, request.OpWebFTS:
		return true
	default:
		return false
	}
}

// transform installs the function that converts the field to (or, if out is false, from) the format, when its domain has
// one.
func (b *builder) transform(field Field, format string, out bool) Field {
	key := schema.RepresentationKey{Source: field.Type, Target: format}
	if !out {
		key = schema.RepresentationKey{Source: format, Target: field.Type}
	}
	if representation, ok := b.snap.Representations[key]; ok {
		field.Type, field.TypeOID, field.Transform = key.Source, 0, representation.Function
	}
	return field
}
