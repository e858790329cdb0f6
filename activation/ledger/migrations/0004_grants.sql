-- A grant leaves only where every consent it stands on is messageable at the claim: a JSON array of channel:purpose beside
-- consent_requirement 'any', which it narrows. read_at_ms: when the people of a request were last read at Iterable before it.
alter table items add column consent_scope text check (consent_scope is null or json_valid(consent_scope));
alter table requests add column read_at_ms integer;
