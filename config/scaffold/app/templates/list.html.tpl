[% extends "base.html" %]
[% load ui %]
[% block title %]{{ title }}[% endblock %]
[% block heading %]{{ title }} [% mode_badge shell.mode %][% endblock %]
[% block lead %]The company's {{ words }}.[% endblock %]
[% block content %]
  [% if rows %]
    [% table "{{ title }}" %]
      <thead>
        <tr><th scope="col">{{ singular_title }}</th>{% for field in columns %}<th{% if field.is_number %} class="num"{% endif %} scope="col">{{ field.label }}</th>{% endfor %}<th scope="col">Created</th></tr>
      </thead>
      <tbody>
        [% for row, shown in rows %]
          <tr>
            <td><a class="cell-title break" href="[% url '{{ app }}:detail' row.public_id %]">[[ row ]]</a></td>
{% for field in columns %}
            <td class="{% if field.is_number %}num{% elif field.is_moment or field.is_day %}nowrap{% else %}break{% endif %}" data-label="{{ field.label }}">{% if field.is_moment %}[% relative_time row.{{ field.name }} "–" %]{% elif field.is_day %}[[ row.{{ field.name }}|date:"j M Y"|default:"–" ]]{% else %}[[ shown.{{ field.name }}|default_if_none:"–" ]]{% endif %}</td>
{% endfor %}
            <td class="nowrap" data-label="Created">[% relative_time row.created %]</td>
          </tr>
        [% endfor %]
      </tbody>
    [% endtable %]
    [% pager page "{{ words }}" %]
  [% else %]
    [% empty_state "No {{ word }} yet" "{{ icon }}" %]<p>Create one with <code>POST /v1/{{ app }}</code>.</p>[% endempty_state %]
  [% endif %]
[% endblock %]
