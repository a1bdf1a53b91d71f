-- What row policies and masked views stand on. Each is created anew whenever the access rules are applied.

-- Whether the caller has a role. A login that is only allowed to take it on (the pages' login) has it after SET ROLE.
create or replace function access.acts_as(role text) returns boolean
language sql stable
as $$ select pg_has_role(current_user, 'resumption_' || role, 'USAGE') $$;

-- Communities (kind community_code) or enterprises (kind uscc) whose rows are the caller's own: of a person's login
-- those in access.member; what the session says of itself counts only if the pages logged in, which know their user.
create or replace function access.own(kind text) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select case
        when pg_has_role(session_user, 'resumption_pages', 'MEMBER')
            then array_remove(array[nullif(current_setting('resumption.' || kind, true), '')], null)
        else (
            select coalesce(array_agg(case kind when 'uscc' then member.uscc else member.community_code end), '{}')
            from access.member as member
            where member.login = session_user
            and member.role = case kind when 'uscc' then 'enterprise_officer' else 'community_worker' end
        )
    end
$$;

-- Who is answerable for what is read: the person's login, or whom the pages named.
create or replace function access.login() returns text
language sql stable
as $$
    select case
        when pg_has_role(session_user, 'resumption_pages', 'MEMBER')
            then coalesce(nullif(current_setting('resumption.login', true), ''), session_user)
        else session_user
    end
$$;

-- Text in which what looks like a mobile or identity number is masked: 135****8888, first six and last two.
create or replace function access.masked(given text) returns text
language sql immutable
as $$
    select regexp_replace(
        regexp_replace(given, '(?<!\d)(\d{6})\d{10}(\d[\dXx])(?!\d)', '\1**********\2', 'g'),
        '(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)', '\1****\2', 'g'
    )
$$;

create or replace function access.masked(given jsonb) returns jsonb
language sql immutable
as $$ select access.masked(given::text)::jsonb $$;

-- 张三丰 becomes 张*.
create or replace function access.masked_name(given text) returns text
language sql immutable
as $$ select left(btrim(given), 1) || '*' $$;

-- A temperature as a band of degrees Celsius: to 37.3 no fever, above 38.0 high.
create or replace function access.temperature_band(given double precision) returns text
language sql immutable
as $$
    select case
        when given <= 37.3 then 'to 37.3'
        when given <= 38.0 then '37.3 to 38.0'
        when given > 38.0 then 'above 38.0'
    end
$$;
