package functions

// Paging is the part of a list's request that says which rows; embed it.
type Paging struct {
	Page    int `json:"page,omitempty" jsonschema:"the page to return, from 1" min:"1" max:"1000000"`
	PerPage int `json:"per_page,omitempty" jsonschema:"how many rows a page has; 25 if it is not given" min:"1" max:"100"`
}

// defaultPerPage is how many rows a page has if nobody says.
const defaultPerPage = 25

// Limit and Offset are those of the query.
func (p Paging) Limit() int {
	if p.PerPage == 0 {
		return defaultPerPage
	}
	return p.PerPage
}

// Offset is the number of rows before the page.
func (p Paging) Offset() int { return (max(p.Page, 1) - 1) * p.Limit() }

// Pagination tells which part of a list an answer has.
type Pagination struct {
	Page       int `json:"page" jsonschema:"the page, from 1"`
	PerPage    int `json:"per_page" jsonschema:"how many rows a page has"`
	Total      int `json:"total" jsonschema:"how many rows there are"`
	TotalPages int `json:"total_pages" jsonschema:"how many pages there are"`
}

// List is a page of a list.
type List[Row any] struct {
	Data       []Row      `json:"data" jsonschema:"the rows of the page"`
	Pagination Pagination `json:"pagination" jsonschema:"which part of the list this is"`
}

// NewList makes a page of the rows that a query with p's limit and offset returned; total is how many there are without them.
func NewList[Row any](p Paging, rows []Row, total int) List[Row] {
	if rows == nil {
		rows = []Row{}
	}
	return List[Row]{Data: rows, Pagination: Pagination{
		Page: max(p.Page, 1), PerPage: p.Limit(), Total: total, TotalPages: (total + p.Limit() - 1) / p.Limit(),
	}}
}
