-- Everything that the ledger can make anew.
delete from delivered.outcomes;
delete from delivered.users;
delete from delivered.user_fields;
delete from delivered.carts;
delete from delivered.list_members;
delete from delivered.subscription_writes;
delete from delivered.gone_users;
delete from delivered.folded;
