<?php
// Sets WordPress up in a folder that holds its files, for a site at SITE with a database at SOCKET: users of three
// roles with application passwords, which are printed, and a category that authors cannot make.
$config = <<<'PHP'
<?php
define('DB_NAME', 'wp'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:%socket%');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', ''); $table_prefix = 'wp_';
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $of) { define("{$of}_KEY", "$of key"); define("{$of}_SALT", "$of salt"); }
// Else application passwords want https.
define('WP_ENVIRONMENT_TYPE', 'local');
define('WP_HOME', '%site%'); define('WP_SITEURL', '%site%');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP;
$named = ['%socket%' => getenv('SOCKET'), '%site%' => getenv('SITE')];
(new mysqli('localhost', 'root', '', '', 0, getenv('SOCKET')))->query('CREATE DATABASE wp CHARACTER SET utf8mb4');
file_put_contents('wp-config.php', strtr($config, $named));
@mkdir('wp-content/uploads', 0755, true);

define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1';
require getcwd() . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
function wp_new_blog_notification() {}
wp_install('The Paper', 'admin', 'admin@example.org', true, '', 'a-long-Pass-4711');
wp_insert_term('News & Co', 'category');
$wp_rewrite->set_permalink_structure('/%postname%/');
$told = ['version' => get_bloginfo('version')];
foreach (['kim' => 'author', 'lee' => 'editor', 'han' => 'contributor'] as $name => $role) {
    $user = ['user_login' => $name, 'user_pass' => 'a-long-Pass-4711', 'user_email' => "$name@example.org", 'role' => $role];
    [$password] = WP_Application_Passwords::create_new_application_password(wp_insert_user($user), ['name' => 'syndicated']);
    $told[$name] = WP_Application_Passwords::chunk_password($password);
}
echo json_encode($told);
