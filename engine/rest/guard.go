package rest

import (
	"fmt"
	"net/http"

	"nexus/engine/apierr"
	"nexus/engine/db"
)

// guard refuses a statement whose cost the planner puts above the ceiling of the role. It takes a round trip, and only of
// roles that have a ceiling.
func (x *exchange) guard(tx *db.Tx) {
	ceiling := x.cfg.RoleSettings[x.identity.Role].MaxPlanCost
	if ceiling <= 0 {
		return
	}
	tx.Guard = db.Statement{SQL: "EXPLAIN (FORMAT JSON) " + tx.Main.SQL, Args: tx.Main.Args}
	tx.Permit = func(rows [][][]byte) error {
		expected, err := decodePlan(rows)
		if err != nil {
			return err
		}
		if expected.Cost > ceiling {
			return errTooCostly(expected.Cost, ceiling)
		}
		return nil
	}
}

func errTooCostly(cost, ceiling float64) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusUnprocessableEntity, Code: "NEXUS101", Message: "The request is too costly",
		Details: fmt.Sprintf("Its estimated cost is %.0f, and the limit for your role %.0f.", cost, ceiling),
		Hint:    "Ask for fewer rows, or filter by columns that have an index.",
	}
}
