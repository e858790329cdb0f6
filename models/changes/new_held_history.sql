-- Grain: object, subject. Facts that this run is the first to see as history: from before go-live,
-- or over the maximum age of their kind, whatever made them late. They stay in the warehouse until
-- somebody releases them. Purchases here; each event model adds its own (macros/events.sql).
{{ new_history(purchase_fact()) }}
