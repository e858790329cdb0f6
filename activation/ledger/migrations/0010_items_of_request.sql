-- A row points to its request before the request is there, so that SQLite looks for all rows that point to it when it comes
-- (https://sqlite.org/foreignkeys.html, "Required and Suggested Database Indexes"): among all rows ever planned, but for this.
create index items_of_request on items (request_id) where request_id is not null;
