/** A label that would be markup if it were not escaped. */
export const hostile = '<script>alert(1)</script>';
