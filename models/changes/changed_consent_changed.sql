-- Grain: subject (the event's id at Iterable). Changes of consent that Iterable has not been told
-- of and that are not history.
{{ changed_facts('consent_changed', [
    'consent_channel', 'consent_purpose', 'previous_consent_status', 'consent_status', 'currency_code', 'store_key',
    'channel_key', 'country_code', 'locale'
]) }}
